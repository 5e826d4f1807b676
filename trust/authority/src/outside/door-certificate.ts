import { X509Certificate } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { waitUntil } from '@countersign/ground/time'
import type { SpiffeId } from '@countersign/ground/spiffe'
import { createCsr, generateKeyPair, readCertificate } from '@countersign/ground/x509'
import type { HttpsSecrets } from './bounded-https.ts'
import { DOOR_RETRY_MS_MAX, DOOR_RETRY_MS_MIN } from './limits.ts'
import type { OutsideEvents } from './outside-events.ts'

/** Signs a server certificate for the public names. The request is for the authority's own SPIFFE id. PEM, leaf first. */
export type Certify = (csr: string) => Promise<{ readonly chain: string }>

export interface DoorCertificateOptions {
  /** Of the authority. */
  readonly id: SpiffeId
  readonly certify: Certify
  readonly events: OutsideEvents
  /** Told of each certificate before it is shown. */
  readonly onObtained?: (certificate: Obtained) => void
  readonly now?: () => number
}

/** What others are told of a certificate of the door. Times in milliseconds since 1970. */
export interface Obtained {
  readonly serial: string
  /** Key id. */
  readonly issuer: string
  readonly notAfter: number
}

interface Held extends HttpsSecrets {
  readonly serial: string
  /** Key id of its issuer. */
  readonly issuer: string | undefined
  readonly notBefore: number
  readonly notAfter: number
}

/**
 * Keeps the certificate of the outside door fresh: a new key and certificate a little before half of its life, with jitter,, and at once
 * when `renewNow` is called because the issuer is another. Tries with growing pauses until there is one; the old one
 * is shown meanwhile. Timers do not keep the process alive.
 */
export class DoorCertificate {
  readonly #options: DoorCertificateOptions
  readonly #stop = new AbortController()
  #wake = new AbortController()
  #held: Held

  private constructor(options: DoorCertificateOptions, held: Held) {
    this.#options = options
    this.#held = held
  }

  /** Rejects with what `certify` rejects with: a door that can show nothing does not open. */
  static async obtain(options: DoorCertificateOptions): Promise<DoorCertificate> {
    return new DoorCertificate(options, await obtain(options))
  }

  current(): Held {
    return this.#held
  }

  /** `use` gets each new certificate. */
  keepFresh(use: (secrets: HttpsSecrets) => void): void {
    this.#loop(use).catch((error: unknown) => {
      // Nothing but its end stops the loop.
      if (!this.#stop.signal.aborted) this.#options.events.notCertified(error, 0)
    })
  }

  renewNow(): void {
    this.#wake.abort()
  }

  close(): void {
    this.#stop.abort()
    this.#wake.abort()
  }

  async #loop(use: (secrets: HttpsSecrets) => void): Promise<void> {
    while (!this.#stop.signal.aborted) {
      await this.#pause(this.#untilHalfLife())
      if (this.#stop.signal.aborted) return
      this.#held = await this.#obtainPatiently()
      if (!this.#stop.signal.aborted) use(this.#held)
    }
  }

  #untilHalfLife(): number {
    const { notBefore, notAfter } = this.#held
    const at = notBefore + (notAfter - notBefore) * (0.4 + 0.08 * Math.random())
    const now = (this.#options.now ?? Date.now)()
    return Math.max(DOOR_RETRY_MS_MIN, at - now)
  }

  async #obtainPatiently(): Promise<Held> {
    for (let waitMs = DOOR_RETRY_MS_MIN; ; waitMs = Math.min(2 * waitMs, DOOR_RETRY_MS_MAX)) {
      try {
        return await obtain(this.#options)
      } catch (error) {
        this.#options.events.notCertified(error, waitMs)
      }
      await sleep(waitMs * (0.5 + Math.random() / 2), undefined, {
        signal: this.#stop.signal,
        ref: false,
      })
    }
  }

  async #pause(ms: number): Promise<void> {
    if (!this.#wake.signal.aborted) await waitUntil(Date.now() + ms, this.#wake.signal)
    if (!this.#stop.signal.aborted) this.#wake = new AbortController()
  }
}

async function obtain({ id, certify, events, onObtained }: DoorCertificateOptions): Promise<Held> {
  const { privateKey } = await generateKeyPair()
  const { chain } = await certify(await createCsr({ id, privateKey }))
  const leaf = readCertificate(new X509Certificate(chain).raw)
  const { serial, notBefore, notAfter } = leaf
  events.certified(serial, notAfter)
  onObtained?.({ serial, issuer: leaf.authorityKeyId ?? '', notAfter })
  const key = privateKey.export({ format: 'pem', type: 'pkcs8' }).toString()
  return { cert: chain, key, serial, issuer: leaf.authorityKeyId, notBefore, notAfter }
}
