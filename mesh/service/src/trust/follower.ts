import { setTimeout as sleep } from 'node:timers/promises'
import type { Client } from '@countersign/contract'
import type { authority, TrustReport } from '@countersign/contract/platform'
import { messageOf } from '@countersign/ground/errors'
import type { TrustFeed, TrustStatus } from '../workload.ts'
import type { Authorities, AuthorityAt } from './authorities.ts'
import { Believed, type BelievedOptions } from './believed.ts'
import {
  ALSO_SHOWN_MAX,
  FOLLOW_AT_ONCE_MS_MAX,
  FOLLOW_TIMEOUT_MS,
  FOLLOW_WAIT_SECONDS,
  LEAVE_MS_MAX,
} from './limits.ts'
import { askAgainMs, type Shown } from './trust-plan.ts'
import type { UnrequestedCertificate } from './unclaimed.ts'

type Follow = Client<typeof authority, any>['follow']

export interface FollowerOptions extends BelievedOptions {
  /** `order-1`. */
  readonly instance: string
  readonly authorities: Authorities
  /** The endpoint of one authority. */
  readonly follow: (at: AuthorityAt) => Follow
}

/*
 * Follows the authorities' word, for as long as the process lives: asks one of them, and says at once what we trust and
 * show; it answers when something changes, or after a while. What we trust or show by then is said with the next
 * question, at once.
 *
 * An authority that fails or says nonsense is left for the next one. While all are away the last word counts.
 */
export class Follower implements TrustFeed {
  /** Resolves with the first word. */
  readonly first: Promise<void>
  readonly #options: FollowerOptions
  readonly #believed: Believed
  readonly #closing = new AbortController()
  readonly #also = new Set<() => readonly Shown[]>()
  readonly #stopListening: () => void
  readonly #ended: Promise<void>
  #heard: () => void = () => undefined
  #asking: AbortController | undefined
  /** What is shown has changed since it was last said. */
  #unsaid = false
  #failures = 0
  /** Milliseconds since 1970. */
  lastSuccessAt: number | undefined

  constructor(options: FollowerOptions) {
    this.#options = options
    this.#believed = new Believed(options)
    this.first = new Promise((resolve) => {
      this.#heard = resolve
    })
    this.#stopListening = options.identity.onChange(() => {
      this.#believed.guard(() => this.#believed.lookAtOwn())
      this.say()
    })
    this.#ended = this.#run()
  }

  /** Waits for the first word, for a bounded time. Says whether it has come. */
  async firstWord(timeoutMs: number): Promise<boolean> {
    await Promise.race([this.first, sleep(timeoutMs, undefined, { ref: false })])
    return this.#believed.revision !== undefined
  }
  status(): TrustStatus {
    const { identity, revocations } = this.#options
    const { revision, revoked } = this.#believed
    return {
      ...{ sequence: identity.sequence, revision, revoked },
      stale: this.#failures > 0 || revision === undefined,
      nextUpdate: revocations.nextUpdate,
    }
  }
  issuers(): readonly string[] {
    return this.#believed.issuers
  }
  onIssuers(listener: () => void): () => void {
    return this.#believed.onIssuers(listener)
  }
  /** `listener` is told of certificates of our name that nobody reports, also of those found before. */
  onUnrequested(listener: (found: UnrequestedCertificate) => void): void {
    this.#believed.onUnrequested(listener)
  }
  alsoShown(certificates: () => readonly Shown[]): () => void {
    this.#also.add(certificates)
    this.say()
    return () => void this.#also.delete(certificates)
  }
  say(): void {
    this.#unsaid = true
    this.#asking?.abort()
  }

  /** Says that this instance shows its certificates no more, and ends. Never rejects; bounded. */
  async close(): Promise<void> {
    if (this.#closing.signal.aborted) return
    this.#closing.abort()
    this.#asking?.abort()
    this.#stopListening()
    await this.#ended
    const { revision, revoked } = this.#believed
    if (revision !== undefined && !revoked) await this.#leave()
  }

  async #run(): Promise<void> {
    const { authorities } = this.#options
    while (!this.#closing.signal.aborted) {
      const startedAt = performance.now()
      const before = this.#believed.revision
      const asked = await this.#ask()
      if (asked === 'answered') this.#failures = 0
      if (asked === 'failed') this.#failures++
      const last = {
        failures: this.#failures,
        authorities: authorities.count,
        tookMs: performance.now() - startedAt,
        news: this.#believed.revision !== before || this.#unsaid || asked === 'interrupted',
      }
      await this.#pause(askAgainMs(last, Math.random()))
    }
  }

  async #ask(): Promise<'answered' | 'failed' | 'interrupted'> {
    const { authorities, log, follow } = this.#options
    let at: AuthorityAt | undefined
    const asking = new AbortController()
    this.#asking = asking
    this.#unsaid = false
    try {
      at = authorities.current()
      const word = await follow(at)({ body: this.#question() }, this.#patience(asking))
      if (asking.signal.aborted) return 'interrupted'
      this.#asking = undefined
      this.#believed.take(word)
      if (this.#failures > 0) log.info('an authority answers again')
      this.lastSuccessAt = Date.now()
      this.#heard()
      return 'answered'
    } catch (error) {
      if (asking.signal.aborted) return 'interrupted'
      authorities.leave(at)
      const where = at === undefined ? '' : `${at.host}:${at.port}`
      if (this.#failures === 0)
        log.warn({ at: where, reason: messageOf(error) }, 'no word from an authority')
      return 'failed'
    } finally {
      this.#asking = undefined
    }
  }

  /** Waits at the authority only where nothing is wrong: after a failure the state is wanted at once. */
  get #waits(): boolean {
    return this.#believed.revision !== undefined && this.#failures === 0
  }
  #question(): Parameters<Follow>[0]['body'] {
    const report = this.#report()
    const { revision } = this.#believed
    return this.#waits && revision !== undefined
      ? { report, revision, waitSeconds: FOLLOW_WAIT_SECONDS }
      : { report }
  }
  #patience({ signal }: AbortController): { timeoutMs: number; signal: AbortSignal } {
    return { signal, timeoutMs: this.#waits ? FOLLOW_TIMEOUT_MS : FOLLOW_AT_ONCE_MS_MAX }
  }
  #report(): TrustReport {
    const { instance, identity } = this.#options
    const { serial, issuer, notAfter } = this.#believed.own
    const also = [...this.#also].flatMap((certificates) => certificates())
    return {
      instance,
      sequence: identity.sequence,
      certificates: [{ serial, issuer, notAfter }, ...also.slice(0, ALSO_SHOWN_MAX)],
    }
  }

  async #leave(): Promise<void> {
    const { follow, authorities } = this.#options
    const body = { report: { ...this.#report(), leaving: true } }
    try {
      await follow(authorities.current())({ body }, { timeoutMs: LEAVE_MS_MAX })
    } catch {
      // The certificate's end says the same, later.
    }
  }
  async #pause(ms: number): Promise<void> {
    if (ms > 0) await sleep(ms, undefined, { signal: this.#closing.signal }).catch(() => undefined)
  }
}
