import { SHARED_STORES_MAX } from '../limits.ts'

/** Stores of plugins that outlive a change of the configuration, such as caches. */
export class SharedStores {
  readonly #stores = new Map<string, object>()

  /** The store of this name, made where there is none. `T` is what the plugin says that it is: names are its own. */
  get<T extends object>(name: string, make: () => T): T {
    const known = this.#stores.get(name)
    if (known !== undefined) return known as T
    const made = make()
    // Whoever makes names up at each request pays for it alone: the oldest store is forgotten.
    const [oldest] = this.#stores.keys()
    if (this.#stores.size >= SHARED_STORES_MAX && oldest !== undefined) this.#stores.delete(oldest)
    this.#stores.set(name, made)
    return made
  }
}
