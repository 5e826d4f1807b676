import type { Issued } from '@countersign/contract/platform'
import { messageOf } from '@countersign/ground/errors'
import type { SpiffeId } from '@countersign/ground/spiffe'
import type { Log } from '@countersign/ground/telemetry'
import { createCsr, generateKeyPair } from '@countersign/ground/x509'
import type { Credential, Identity } from '../workload.ts'
import { acceptIssued } from './accept-issued.ts'
import { IdentityError } from './errors.ts'
import { RENEW_WAIT_MS_MAX, TIMER_MS_MAX } from './limits.ts'
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

export interface Held {
  readonly credential: Credential
  readonly bundle: string
}

/** Makes a key and gets a certificate for it. The key is new each time and leaves the process never. */
export async function obtain(id: SpiffeId, ask: RenewCall): Promise<Held> {
  const keys = await generateKeyPair()
  const issued = await ask(await createCsr({ id, privateKey: keys.privateKey }))
  return {
    credential: acceptIssued(issued, { id, ...keys, now: Date.now() }),
    bundle: issued.bundle,
  }
}

/**
 * Keeps a certificate fresh: a new key and certificate at half life with jitter, retries with growing pauses until
 * the end. The old credential stays good to its own end, so connections that use it go on. Timers do not keep the
 * process alive.
 */
export class RenewingIdentity implements Identity {
  readonly id: SpiffeId
  readonly #renew: RenewCall
  readonly #log: Log
  readonly #hooks: RenewalHooks
  readonly #listeners = new Set<() => void>()
  #held: Held
  #renewals = 0
  #timer: NodeJS.Timeout | undefined
  #closed = false

  constructor(options: { id: SpiffeId; held: Held; renew: RenewCall; log: Log } & RenewalHooks) {
    this.id = options.id
    this.#held = options.held
    this.#renew = options.renew
    this.#log = options.log
    this.#hooks = options
    this.#plan()
  }

  current(): Credential {
    return this.#held.credential
  }
  bundle(): string {
    return this.#held.bundle
  }
  get renewals(): number {
    return this.#renewals
  }
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }
  close(): void {
    this.#closed = true
    clearTimeout(this.#timer)
    this.#listeners.clear()
  }

  get #remainingMs(): number {
    return this.#held.credential.notAfter.getTime() - Date.now()
  }

  #plan(): void {
    const delay = renewalDelay(this.#remainingMs, Math.random())
    // A cut wait means a life of months: look again then.
    const step = delay >= TIMER_MS_MAX ? () => this.#plan() : () => this.#attempt(0)
    this.#timer = setTimeout(step, delay).unref()
  }

  async #attempt(failures: number): Promise<void> {
    try {
      const held = await inTime(obtain(this.id, this.#renew))
      if (this.#closed) return
      this.#take(held)
    } catch (error) {
      if (!this.#closed) this.#failed(failures + 1, error)
    }
  }

  #take(held: Held): void {
    this.#held = held
    this.#renewals += 1
    this.#plan()
    this.#log.debug({ serial: held.credential.serial }, 'the certificate was renewed')
    for (const listener of this.#listeners) this.#guard(listener)
    this.#guard(() => this.#hooks.onRenewed?.(held.credential))
  }

  #failed(failures: number, error: unknown): void {
    const delay = retryDelay(this.#remainingMs, failures, Math.random())
    this.#log.warn({ err: error, failures, retryMs: delay }, 'the certificate could not be renewed')
    this.#guard(() => this.#hooks.onRenewFailed?.({ failures, error }))
    if (delay !== undefined) {
      this.#timer = setTimeout(() => this.#attempt(failures), delay).unref()
      return
    }
    const untilEnd = Math.max(0, this.#remainingMs)
    this.#timer = setTimeout(() => this.#expired(), untilEnd).unref()
  }

  #expired(): void {
    this.#log.error('the certificate has expired and could not be renewed')
    this.#guard(() => this.#hooks.onExpired?.())
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
