import { PEERS_MAX } from './limits.ts'

/** What each peer last said. One that is silent for a while is forgotten, so that nobody waits for it. */
export class PeerMemory<T> {
  readonly #said = new Map<string, { readonly value: T; readonly at: number }>()
  readonly #keepMs: number

  constructor(keepMs: number) {
    this.#keepMs = keepMs
  }
  set(peer: string, value: T): void {
    if (this.#said.size >= PEERS_MAX && !this.#said.has(peer)) this.#said.clear()
    this.#said.set(peer, { value, at: performance.now() })
  }
  values(): T[] {
    const since = performance.now() - this.#keepMs
    return [...this.#said.values()].filter(({ at }) => at >= since).map(({ value }) => value)
  }
}
