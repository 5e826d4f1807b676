import type { KeyObject } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Log } from '@countersign/ground/telemetry'
import { readCertificate, readPem, writePem, X509Error } from '@countersign/ground/x509'
import { AuthorityError } from '../../errors.ts'
import type { Prepared } from '../../issuing/issue-request.ts'
import type { Store } from '../../store/store.ts'
import type { CertificateStore, HeldCertificate } from '../certificate/certificate-store.ts'
import { intermediatePem } from '../certificate/chains.ts'
import type { AcmeEvents } from '../events.ts'
import { RESUME_WAIT_MS } from '../limits.ts'
import type { AcmePorts } from '../ports.ts'
import { AcmeProblem } from '../problem.ts'
import type { Order } from './order.ts'
import type { OrderStore } from './order-store.ts'

export interface IssuingOptions {
  readonly store: Store
  readonly orders: OrderStore
  readonly certificates: CertificateStore
  readonly ports: AcmePorts
  readonly events: AcmeEvents
  readonly lifetimeMs: number
  readonly log: Log
  readonly now: () => number
}

/**
 * Makes the certificates of orders that say `processing`. Each is asked for under the name of its order: what a crash
 * cut off is found again at the next start, and finished with the certificate that is on record, or made anew where
 * none is. So an order has one certificate, however often it is tried.
 */
export class Issuing {
  readonly #options: IssuingOptions
  readonly #running = new Map<string, Promise<void>>()
  #closed = false

  constructor(options: IssuingOptions) {
    this.#options = options
  }

  /**
   * Every check of a certificate for this order, with its request in `csr`. Throws `AcmeProblem` badCSR, or
   * serverInternal where nothing can be signed now.
   */
  async prepare(
    order: Order & { readonly csr: Buffer },
    notThisKey?: KeyObject,
  ): Promise<Prepared> {
    const { ports, lifetimeMs, now } = this.#options
    const { account, names, csr, notAfter } = order
    const wanted = notAfter === undefined ? lifetimeMs : Math.min(lifetimeMs, notAfter - now())
    try {
      return await ports.prepare({
        ...{ profile: 'acme', kind: 'acme', name: account, names, lifetimeMs: wanted },
        csr: writePem(csr, 'CERTIFICATE REQUEST'),
        asker: askerOf(order),
        ...(notThisKey === undefined ? {} : { notThisKey }),
      })
    } catch (error) {
      throw toIssueProblem(error)
    }
  }

  /** Starts to finish an order, and waits for that a while. */
  async start(orderId: string, how: { prepared?: Prepared; waitMs: number }): Promise<void> {
    const work = this.#running.get(orderId) ?? this.#finish(orderId, how.prepared)
    this.#running.set(orderId, work)
    const stop = new AbortController()
    const patience = sleep(how.waitMs, undefined, { signal: stop.signal, ref: false })
    await Promise.race([work, patience.catch(() => undefined)])
    stop.abort()
  }

  /** Takes up what was being made when the process ended, one after the other, and does not wait for it. */
  resume(): void {
    const left = this.#options.orders.processing().map(({ id }) => id)
    const next = async (): Promise<void> => {
      for (const id of left) if (!this.#closed) await this.start(id, { waitMs: RESUME_WAIT_MS })
    }
    void next()
  }

  /** Finishes what is being signed. */
  async close(): Promise<void> {
    this.#closed = true
    await Promise.allSettled(this.#running.values())
  }

  async #finish(orderId: string, prepared: Prepared | undefined): Promise<void> {
    const { orders, store, events, log } = this.#options
    try {
      const order = orders.find(orderId)
      if (order?.status !== 'processing') return
      const made = await this.#obtain(order, prepared).catch(toIssueProblem)
      if (made instanceof AcmeProblem) {
        await store.write(() => orders.setInvalid(order.id, made))
        events.notIssued(order, made)
      } else await this.#keep(order, made)
    } catch (error) {
      // It stays as it is, and is taken up at the next start.
      log.error({ err: error, order: orderId }, 'an order could not be finished')
    } finally {
      this.#running.delete(orderId)
    }
  }

  async #obtain(order: Order, prepared: Prepared | undefined): Promise<string> {
    if (prepared !== undefined) return (await prepared.commit()).chain
    const { ports } = this.#options
    const [found] = ports.issued.list({ asker: askerOf(order), kind: 'acme', limit: 1 })
    if (found?.certificate !== undefined)
      return (
        writePem(found.certificate, 'CERTIFICATE') + intermediatePem(ports.trust(), found.issuer)
      )
    const { csr } = order
    if (csr === undefined) throw new AcmeProblem('badCSR', 'the order has no request')
    return (await (await this.prepare({ ...order, csr })).commit()).chain
  }

  async #keep(order: Order, chain: string): Promise<void> {
    const { orders, certificates, store, events, now } = this.#options
    const held = toHeld(order, chain)
    const others = certificates.otherHolders(held.names, held.account, now())
    await store.write(() => {
      certificates.insert(held, now())
      orders.setValid(order.id, held.serial)
    })
    events.issued(order, held, others)
  }
}

function askerOf({ id }: Order): string {
  return `acme order ${id}`
}

function toHeld({ account, names }: Order, chain: string): HeldCertificate {
  const [leaf = Buffer.alloc(0)] = readPem(chain, 'CERTIFICATE')
  const { serial, authorityKeyId: issuer = '', notBefore, notAfter } = readCertificate(leaf)
  return { serial, account, issuer, chain, notBefore, notAfter, names }
}

function toIssueProblem(error: unknown): AcmeProblem {
  if (error instanceof AcmeProblem) return error
  const refused = error instanceof AuthorityError && error.code === 'CSR_REFUSED'
  if (error instanceof X509Error || refused)
    return new AcmeProblem('badCSR', `the certificate request is not accepted: ${error.message}`)
  const detail = 'the certificate cannot be made now; try again later'
  return new AcmeProblem('serverInternal', detail, { cause: error })
}
