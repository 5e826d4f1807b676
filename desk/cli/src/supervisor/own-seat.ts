import { messageOf } from '@countersign/ground/errors'
import { nextDelay } from './backoff.ts'
import { keepOnDisk } from './keep-on-disk.ts'
import { type JoinFacts, joinAs, type OwnWorkload } from './own-workload.ts'
import { pause } from './pause.ts'

export interface SeatOptions extends JoinFacts {
  readonly name: string
  /** A one-time token for another join, where the certificate was taken back or has expired. */
  readonly newToken: () => Promise<string>
}

/**
 * Keeps one of the supervisor's own workloads in the mesh, and its identity on disk. Where it loses its certificate - it
 * was taken back, or the machine slept through its end - it joins anew, again and again until it is in or closed.
 */
export class OwnSeat {
  readonly #options: SeatOptions
  readonly #closing = new AbortController()
  #current: OwnWorkload | undefined
  #stopKeeping: () => void = () => undefined
  #coming: Promise<void> | undefined

  private constructor(options: SeatOptions) {
    this.#options = options
  }

  static async take(options: SeatOptions & { readonly token: string }): Promise<OwnSeat> {
    const seat = new OwnSeat(options)
    await seat.#join(options.token)
    return seat
  }

  /** As it is now; the one before while it comes back. */
  get current(): OwnWorkload {
    if (this.#current === undefined) throw new Error('broken invariant: a seat that nobody took')
    return this.#current
  }

  /** Waits while it comes back, for a bounded time. Never rejects. */
  async settled(timeoutMs: number): Promise<void> {
    const late = new AbortController()
    await Promise.race([this.#coming, pause(timeoutMs, late.signal)])
    late.abort()
  }

  async close(): Promise<void> {
    this.#closing.abort()
    await this.#coming
    this.#stopKeeping()
    await this.#current?.close()
  }

  async #join(token: string): Promise<void> {
    const { name, layout, log } = this.#options
    let own: OwnWorkload | undefined
    const onLost = (why: string): void => {
      // The end of a certificate that has been replaced is no loss.
      if (own !== undefined && own === this.#current) this.#comeBack(why)
    }
    own = await joinAs(name, { token, onLost }, this.#options)
    const before = this.#current
    this.#stopKeeping()
    this.#current = own
    this.#stopKeeping = await keepOnDisk(layout.identity(name), own, (fault) =>
      log.error({ identity: name, reason: messageOf(fault) }, 'cannot keep the identity on disk'),
    )
    await before?.close()
  }

  #comeBack(why: string): void {
    if (this.#coming !== undefined || this.#closing.signal.aborted) return
    this.#coming = this.#rejoin(why).finally(() => {
      this.#coming = undefined
    })
  }

  async #rejoin(why: string): Promise<void> {
    const { name, newToken, log } = this.#options
    log.error({ identity: name, why }, 'the certificate is of no use any more; it joins anew')
    for (let delayMs = nextDelay(undefined, 0); ; delayMs = nextDelay(delayMs, 0)) {
      if (this.#closing.signal.aborted) return
      try {
        await this.#join(await newToken())
        log.info({ identity: name }, 'joined anew')
        return
      } catch (error) {
        log.warn({ identity: name, reason: messageOf(error), delayMs }, 'cannot join anew yet')
      }
      await pause(delayMs, this.#closing.signal)
    }
  }
}
