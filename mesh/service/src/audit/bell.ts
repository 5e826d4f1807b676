/** Lets one loop sleep until something it cares about is rung, or its time is over. A bell that was rung stays so until `reset`. */
export class Bell<Name extends string> {
  readonly #rung = new Set<Name>()
  #wake: () => void = () => undefined

  ring(name: Name): void {
    this.#rung.add(name)
    this.#wake()
  }
  hasRung(name: Name): boolean {
    return this.#rung.has(name)
  }
  reset(name: Name): void {
    this.#rung.delete(name)
  }
  /** Sleeps until one of the names is rung, which may have been before. Does not keep the process alive. */
  async sleep(timeMs: number, names: readonly Name[]): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const isOver = (): boolean => names.some((name) => this.#rung.has(name))
    if (isOver()) return
    this.#wake = () => {
      if (isOver()) resolve()
    }
    const timer = setTimeout(resolve, timeMs).unref()
    await promise
    clearTimeout(timer)
  }
}
