import { KEEP_ALIVE_TIMEOUT_MS } from '../limits.ts'

/**
 * The time as the door needs it: to the second, looked at once a second for all connections. With it go the lines of a head
 * that are the same for all answers of that second.
 */
export class CoarseClock {
  /** Whole milliseconds since some moment; never goes back. */
  now = 0
  /** `Date`, and that the connection stays (RFC 9112 section 9.3). */
  stays = ''
  /** `Date`, and that the connection ends. */
  closes = ''

  readonly #time: () => number

  /** `time`: milliseconds since some moment, never less than before. */
  constructor(time: () => number) {
    this.#time = time
    this.tick()
  }
  tick(): void {
    this.now = this.#time()
    const date = `date: ${new Date().toUTCString()}\r\n`
    this.stays = `${date}connection: keep-alive\r\nkeep-alive: timeout=${KEEP_ALIVE_TIMEOUT_MS / 1000}\r\n`
    this.closes = `${date}connection: close\r\n`
  }
}
