/** Who wants to know of changes. One that throws keeps no other from hearing of it; the first error goes to `onError`. */
export class Listeners {
  readonly #all = new Set<() => void>()
  readonly #onError: (error: unknown) => void

  constructor(onError: (error: unknown) => void) {
    this.#onError = onError
  }

  /** Returns the way to stop listening. */
  readonly add = (listener: () => void): (() => void) => {
    // Each in a wrapper of its own: the same function may listen twice.
    const own = (): void => listener()
    this.#all.add(own)
    return () => void this.#all.delete(own)
  }

  tell(): void {
    for (const listener of [...this.#all]) {
      try {
        listener()
      } catch (error) {
        this.#onError(error)
      }
    }
  }
}
