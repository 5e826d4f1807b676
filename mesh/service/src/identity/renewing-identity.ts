import type { Issued } from '@countersign/contract/platform'
import { messageOf } from '@countersign/ground/errors'
import type { SpiffeId } from '@countersign/ground/spiffe'
import type { Log } from '@countersign/ground/telemetry'
import { WallTimer } from '@countersign/ground/time'
import { createCsr, generateKeyPair } from '@countersign/ground/x509'
import type { Credential, Identity } from '../workload.ts'
import type { RevocationList } from '@countersign/layers'
import { Revocations } from '../trust/revocations.ts'
import { acceptIssued, type Held, newer, type Trusted } from './accept-issued.ts'
import { IdentityError } from './errors.ts'
import { RENEW_WAIT_MS_MAX } from './limits.ts'
import { renewalDelay, retryDelay } from './renewal-plan.ts'

/** Asks an authority for a new certificate for our own name, proven by the present one. */
export type RenewCall = (csr: string) => Promise<Issued>

/** For metrics and readiness. They must not throw. */
export interface RenewalHooks {
  onRenewed?(credential: Credential): void
  onRenewFailed?(failure: { readonly failures: number; readonly error: unknown }): void
  /** The last certificate has ended without a new one: no door takes this workload any more. */
  onExpired?(): void
}

/**
 * Makes a key and gets a certificate for it. The key is new each time and leaves the process never.
 * `known`: what is believed by the time the answer is there.
 */
export async function obtain(id: SpiffeId, ask: RenewCall, known?: () => Trusted): Promise<Held> {
  const keys = await generateKeyPair()
  const issued = await ask(await createCsr({ id, privateKey: keys.privateKey }))
  return acceptIssued(issued, { id, ...keys, now: Date.now(), known: known?.() })
}

export interface RenewingOptions extends RenewalHooks {
  readonly id: SpiffeId
  readonly held: Held
  readonly renew: RenewCall
  readonly log: Log
  /** What the authorities have taken back. Without it the identity has a list that its follower fills. */
  readonly revocations?: RevocationList
}

/**
 * Keeps a certificate fresh: a new key and certificate at half life with jitter, retries with growing pauses until
 * the end. The old credential stays good to its own end, so connections that use it go on. Timers do not keep the
 * process alive.
 */
export class RenewingIdentity implements Identity {
  readonly id: SpiffeId
  readonly revocations: RevocationList
  readonly #renew: RenewCall
  readonly #log: Log
  readonly #hooks: RenewalHooks
  readonly #listeners = new Set<() => void>()
  #credential: Credential
  #trusted: Trusted
  #renewals = 0
  /** Set but while an attempt is under way. */
  readonly #timer = new WallTimer()
  #closed = false

  constructor(options: RenewingOptions) {
    const { credential, bundle, sequence } = options.held
    this.id = options.id
    this.#credential = credential
    this.#trusted = { bundle, sequence }
    // Until the first word of an authority the certificate's own end bounds what may be believed.
    this.revocations = options.revocations ?? new Revocations(credential.notAfter.getTime())
    this.#renew = options.renew
    this.#log = options.log
    this.#hooks = options
    this.#plan()
  }

  current(): Credential {
    return this.#credential
  }
  bundle(): string {
    return this.#trusted.bundle
  }
  /** How new the bundle is. */
  get sequence(): number {
    return this.#trusted.sequence
  }
  get renewals(): number {
    return this.#renewals
  }
  /** Called when the certificate was renewed, and when the bundle has changed. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }
  /** Takes a bundle that was checked, if it is newer than the one that is held. */
  believe(said: Trusted): boolean {
    if (this.#closed || newer(said, this.#trusted) !== said) return false
    this.#trusted = { bundle: said.bundle, sequence: said.sequence }
    this.#log.info({ sequence: said.sequence }, 'the trust bundle has changed')
    this.#tell()
    return true
  }
  /** Renews after `delayMs`, or when it is due anyway, whichever comes first. */
  renewNow(delayMs = 0): void {
    const { dueAt } = this.#timer
    if (this.#closed || dueAt === undefined || Date.now() + delayMs >= dueAt) return
    this.#wait(delayMs, () => this.#attempt(0))
  }
  close(): void {
    this.#closed = true
    this.#timer.clear()
    this.#listeners.clear()
    if (this.revocations instanceof Revocations) this.revocations.close()
  }

  get #remainingMs(): number {
    return this.#credential.notAfter.getTime() - Date.now()
  }

  #plan(): void {
    this.#wait(renewalDelay(this.#remainingMs, Math.random()), () => this.#attempt(0))
  }
  #wait(delayMs: number, step: () => unknown): void {
    this.#timer.set(Date.now() + delayMs, () => void step())
  }

  async #attempt(failures: number): Promise<void> {
    try {
      const held = await inTime(obtain(this.id, this.#renew, () => this.#trusted))
      if (this.#closed) return
      this.#take(held)
    } catch (error) {
      if (!this.#closed) this.#failed(failures + 1, error)
    }
  }

  #take({ credential, ...trusted }: Held): void {
    this.#credential = credential
    // The bundle may have changed while the answer was checked.
    this.#trusted = newer(trusted, this.#trusted)
    this.#renewals += 1
    this.#plan()
    this.#log.debug({ serial: credential.serial }, 'the certificate was renewed')
    this.#tell()
    this.#guard(() => this.#hooks.onRenewed?.(credential))
  }

  #failed(failures: number, error: unknown): void {
    const delay = retryDelay(this.#remainingMs, failures, Math.random())
    this.#log.warn({ err: error, failures, retryMs: delay }, 'the certificate could not be renewed')
    this.#guard(() => this.#hooks.onRenewFailed?.({ failures, error }))
    if (delay !== undefined) this.#wait(delay, () => this.#attempt(failures))
    else this.#wait(Math.max(0, this.#remainingMs), () => this.#expired())
  }

  #expired(): void {
    this.#log.error('the certificate has expired and could not be renewed')
    this.#guard(() => this.#hooks.onExpired?.())
  }

  #tell(): void {
    for (const listener of [...this.#listeners]) this.#guard(listener)
  }
  /** A listener's mistake must not stop renewal. */
  #guard(listener: () => void): void {
    try {
      listener()
    } catch (error) {
      this.#log.error({ err: error }, `a listener to renewals failed: ${messageOf(error)}`)
    }
  }
}

/** A call that never answers must not be the last one. */
async function inTime<T>(work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    const error = new IdentityError('RENEW_TIMEOUT', 'the authority did not answer in time')
    timer = setTimeout(() => reject(error), RENEW_WAIT_MS_MAX).unref()
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}
