/*
 * What the instances of one workload have to know together for a while: who was first, who is at it, what came of it.
 *
 * Promises of each adapter:
 *
 * - each step is atomic over all instances
 * - a text is gone after its `ttlMs`, and sooner where the store is lost; `young` says that it may have been
 * - it answers in bounded time and never rejects; `away` says that nobody knows: what that means is the caller's decision
 * - whoever reads the store reads all of it: a secret goes in sealed, and names nobody whom its reader should not know
 * - keys, texts and times are bounded (limits.ts), and so is what one instance keeps in it: beyond that it is `away`
 */
export interface FleetStore {
  /** Puts a text where there is none. */
  putNew(key: string, text: string, ttlMs: number): Promise<Put>
  get(key: string): Promise<Found>
  /** Puts another text in the place of `before`, or takes it away where there is no `next`. */
  swap(
    key: string,
    before: string,
    next: { readonly text: string; readonly ttlMs: number } | undefined,
  ): Promise<'done' | 'other' | 'away'>
}

/**
 * `put`: it is there now, and nobody has put one within the last `ttlMs`. `young`: it is there now, but the store itself
 * has not been there for so long, and may have forgotten one. `there`: another was there before.
 */
export type Put = 'put' | 'young' | 'there' | 'away'
type Found = { readonly text: string | undefined } | 'away'

export interface OpenFleetStore extends FleetStore {
  close(): void
}

/** Where several instances have no store together. */
export const NO_FLEET_STORE: OpenFleetStore = {
  putNew: () => Promise.resolve('away'),
  get: () => Promise.resolve('away'),
  swap: () => Promise.resolve('away'),
  close: () => {},
}

/** The part of a store whose keys begin with `prefix`. */
export function partOfFleet(store: FleetStore, prefix: string): FleetStore {
  return {
    putNew: (key, text, ttlMs) => store.putNew(prefix + key, text, ttlMs),
    get: (key) => store.get(prefix + key),
    swap: (key, before, next) => store.swap(prefix + key, before, next),
  }
}
