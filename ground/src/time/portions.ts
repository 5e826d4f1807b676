interface PortionOptions {
  /** Milliseconds since some moment. */
  readonly now?: () => number
  /**
   * When the next portion is done: in the next turn where nothing is said. Later where there is no hurry: a process that has
   * pauses leaves its core to others, and its share counts them, too.
   */
  readonly later?: (run: () => void) => void
}

/** The time of what waits beside that of all else in a turn, and the most of it in one turn, in milliseconds. */
const SHARE = 0.25
const MS_MAX = 5
/** Pieces that are done and still in the list, before they are forgotten. */
const DONE_MAX = 256

/**
 * Work that can wait a little, done between what cannot: in each turn of the event loop one piece, and more only while all
 * that waits gets no more than its share of the time. So a thousand pieces that fall due at once hold up nobody else by more
 * than one of them. What a piece puts off to `process.nextTick` counts as its own.
 */
export class Portions<T> {
  readonly #work: (piece: T) => void
  readonly #now: () => number
  readonly #later: (run: () => void) => void
  #pieces: T[] = []
  #next = 0
  #until = 0
  #endedAt = 0

  constructor(work: (piece: T) => void, options: PortionOptions = {}) {
    this.#work = work
    this.#now = options.now ?? (() => performance.now())
    this.#later = options.later ?? setImmediate
  }
  get size(): number {
    return this.#pieces.length - this.#next
  }
  add(piece: T): void {
    this.#pieces.push(piece)
    if (this.#pieces.length > 1) return
    this.#endedAt = this.#now()
    this.#later(this.#begin)
  }

  readonly #begin = (): void => {
    const now = this.#now()
    const others = now - this.#endedAt
    this.#until = now + Math.min(MS_MAX, others * SHARE)
    this.#step()
  }
  readonly #step = (): void => {
    const piece = this.#pieces[this.#next++]
    if (piece !== undefined) this.#work(piece)
    process.nextTick(this.#after)
  }
  readonly #after = (): void => {
    this.#endedAt = this.#now()
    if (this.#next === this.#pieces.length) {
      this.#pieces = []
      this.#next = 0
      return
    }
    // What is done would stay for as long as something waits, and under attack something always does.
    if (this.#next >= DONE_MAX && this.#next >= this.size) this.#forget()
    if (this.#endedAt < this.#until) this.#step()
    else this.#later(this.#begin)
  }
  #forget(): void {
    this.#pieces = this.#pieces.slice(this.#next)
    this.#next = 0
  }
}
