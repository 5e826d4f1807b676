import { type CacheOptions, type CacheSlot, type ReadCache, withJitter } from './cache.ts'

const ENTRIES_MAX = 10_000

interface Entry {
  /** `undefined` while the value is being loaded. */
  text: string | undefined
  readonly loading: Promise<unknown>
  until: number
}

/** A `ReadCache` in the memory of this process. Writes of other instances are seen when entries expire. */
export function createMemoryCache(options: CacheOptions): ReadCache {
  const now = options.now ?? Date.now
  const entriesMax = options.entriesMax ?? ENTRIES_MAX
  // Oldest use first: a Map keeps the order of insertion, and a hit is inserted anew.
  const entries = new Map<string, Entry>()
  const groups = new Map<string, Set<string>>()

  function drop(group: string, id: string): void {
    entries.delete(id)
    const ids = groups.get(group)
    ids?.delete(id)
    if (ids?.size === 0) groups.delete(group)
  }
  function makeRoom(): void {
    for (const id of entries.keys()) {
      if (entries.size < entriesMax) return
      drop(groupOf(id), id)
    }
  }
  function begin<T>(group: string, id: string, load: () => Promise<T>): Promise<T> {
    drop(group, id)
    makeRoom()
    const loading = load()
    const entry: Entry = { text: undefined, loading, until: Number.POSITIVE_INFINITY }
    entries.set(id, entry)
    groups.set(group, (groups.get(group) ?? new Set()).add(id))
    const settle = (value?: T): void => {
      // Forgotten or pushed out meanwhile: the value goes to those who waited, and nowhere else.
      if (entries.get(id) !== entry) return
      entry.text = JSON.stringify(value)
      entry.until = now() + withJitter(options.ttlMs)
      if (entry.text === undefined) drop(group, id)
    }
    loading.then(settle, () => settle())
    return loading
  }

  return {
    engine: 'memory',
    read<T>({ group, key }: CacheSlot, load: () => Promise<T>): Promise<T> {
      const id = JSON.stringify([group, key])
      const entry = entries.get(id)
      if (entry === undefined || entry.until <= now()) return begin(group, id, load)
      if (entry.text === undefined) return entry.loading as Promise<T>
      entries.delete(id)
      entries.set(id, entry)
      return Promise.resolve(JSON.parse(entry.text) as T)
    },
    async forget(names) {
      for (const group of names) for (const id of groups.get(group) ?? []) drop(group, id)
    },
    async close() {
      entries.clear()
      groups.clear()
    },
  }
}

const groupOf = (id: string): string => (JSON.parse(id) as [string])[0]
