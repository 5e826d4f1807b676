import type { Log } from '@countersign/ground/telemetry'
import { type CrlFacts, parseCrl, verifyCrl } from '@countersign/ground/x509'
import { Listeners } from '../listeners.ts'
import type { SyncTopic } from '../peers/topic.ts'
import type { Store } from '../store/store.ts'
import { type CrlIssuer, crlIssuers, type RootKeys } from './crl-issuers.ts'
import { type Crl, CrlStore, hashOfEntries } from './crl-store.ts'
import { CrlTopic } from './crl-topic.ts'
import {
  CRL_BUSY_SHARE,
  CRL_CHECK_MS,
  CRL_ISSUERS_MAX,
  CRL_LIFE_MS,
  CRL_RETRY_MS,
  IMPORTED_MS,
  KEEP_AFTER_MS,
} from './limits.ts'
import { makeCrl } from './make-crl.ts'
import { Paced } from './paced.ts'
import type { StatusIssuer } from './ports.ts'
import { reasonOf } from './reason-code.ts'

export interface CrlOptions {
  readonly store: Store
  /** The intermediates of this authority. Asked anew each time. */
  readonly signers: () => readonly StatusIssuer[]
  /** None where all are off line. */
  readonly roots?: RootKeys
  /** The certificate, in PEM, of a CA that everybody trusts at this time, by its key id. */
  readonly trusted: (id: string) => string | undefined
  readonly now: () => number
  readonly log: Log
}

/**
 * The lists of revoked certificates: one for each CA whose key is here, signed anew at once when its entries change and
 * at half of its life; and the latest that peers have shown of theirs.
 *
 * A number is never used for two lists: it is on disk before the list is shown, goes up with each, and is at least the
 * time of its making, so that a store from a backup goes on above all that it has forgotten. What a peer still has of
 * such a list comes back from there.
 */
export class Crls {
  readonly topic: SyncTopic
  readonly #options: CrlOptions
  readonly #store: CrlStore
  readonly #held = new Map<string, Crl>()
  /** Of the entries of each list that is held and ours. What is not here is signed anew. */
  readonly #hashes = new Map<string, string>()
  /** Numbers of our own lists that peers have shown. */
  readonly #seen = new Map<string, number>()
  readonly #listeners: Listeners
  readonly #paced: Paced
  readonly #timer: NodeJS.Timeout
  #retry: NodeJS.Timeout | undefined

  constructor(options: CrlOptions) {
    const { log } = options
    this.#options = options
    this.#store = new CrlStore(options.store)
    this.#listeners = new Listeners((err) => log.error({ err }, 'a listener to lists failed'))
    for (const crl of this.#store.all()) this.#held.set(crl.issuer, crl)
    this.topic = new CrlTopic({
      all: () => this.all(),
      learn: (issuer, der) => this.#learn(issuer, der),
      onChange: this.#listeners.add,
    })
    const work = () => this.#refresh().catch((error: unknown) => this.#failed(error))
    this.#paced = new Paced(work, CRL_BUSY_SHARE)
    this.#timer = setInterval(() => void this.refresh(), CRL_CHECK_MS).unref()
  }

  /** The latest list of a CA, of ours or of a peer. */
  find(issuer: string): Crl | undefined {
    return this.#held.get(issuer)
  }
  all(): Crl[] {
    return [...this.#held.values()]
  }

  /**
   * Signs every list of ours that is missing, has other entries than it should, or is half over; forgets those of CAs
   * that are gone. What is asked for while that runs is done once, after it. Resolves when all is durable and shown, and
   * never rejects: what fails is tried again by itself, and the list before stays good to its own end.
   */
  refresh(): Promise<void> {
    return this.#paced.run()
  }

  close(): void {
    clearInterval(this.#timer)
    clearTimeout(this.#retry)
    this.#paced.close()
  }

  async #refresh(): Promise<void> {
    const { signers, roots } = this.#options
    const issuers = await crlIssuers(signers(), roots)
    await this.#forget(new Set(issuers.map(({ id }) => id)))
    let isNew = false
    for (const issuer of issuers) {
      const crl = this.#isDue(issuer.id) ? await this.#signOne(issuer) : undefined
      isNew ||= crl !== undefined
    }
    if (isNew) this.#listeners.tell()
  }

  async #forget(own: ReadonlySet<string>): Promise<void> {
    const { now, store, trusted } = this.#options
    for (const [id, { nextUpdate }] of this.#held) {
      if (own.has(id) || trusted(id) !== undefined || now() < nextUpdate + KEEP_AFTER_MS) continue
      await store.write(() => this.#store.remove(id))
      this.#held.delete(id)
    }
  }

  #isDue(id: string): boolean {
    const crl = this.#held.get(id)
    const now = this.#options.now()
    // Of a later time than now: the clock went back, and readers would not believe it.
    if (crl === undefined || now < crl.thisUpdate) return true
    if (now >= crl.nextUpdate - CRL_LIFE_MS / 2) return true
    return this.#hashes.get(id) !== hashOfEntries(this.#store.entries(id))
  }

  async #signOne(issuer: CrlIssuer): Promise<Crl | undefined> {
    try {
      const opened = await issuer.open()
      if (opened === undefined) return undefined
      const { crl, hash } = await this.#options.store.write(() => this.#sign(opened))
      this.#hold(crl, hash)
      return crl
    } catch (error) {
      this.#failed(error, issuer.id)
      return undefined
    }
  }

  #sign(issuer: StatusIssuer): { crl: Crl; hash: string } {
    const now = this.#options.now()
    const { id } = issuer
    const entries = this.#store.entries(id)
    const number = Math.max(this.#store.numberOf(id) + 1, (this.#seen.get(id) ?? 0) + 1, now)
    const crl = makeCrl(issuer, { number, entries, now })
    this.#store.put(crl)
    return { crl, hash: hashOfEntries(entries) }
  }

  #hold(crl: Crl, hash?: string): void {
    this.#held.set(crl.issuer, crl)
    if (hash === undefined) this.#hashes.delete(crl.issuer)
    else this.#hashes.set(crl.issuer, hash)
  }

  #failed(error: unknown, issuer?: string): void {
    this.#options.log.error({ err: error, issuer }, 'a list of revoked certificates is not signed')
    clearTimeout(this.#retry)
    this.#retry = setTimeout(() => void this.refresh(), CRL_RETRY_MS).unref()
  }

  /** Takes in what a peer shows: signed by a CA that everybody trusts, and newer than what is here. */
  async #learn(issuer: string, der: Buffer): Promise<void> {
    const { trusted, signers, store, log, roots } = this.#options
    const own = (await crlIssuers(signers(), roots)).some(({ id }) => id === issuer)
    const signer = signers().find(({ id }) => id === issuer)
    const certificate = signer?.certificate ?? trusted(issuer)
    if (certificate === undefined) return
    const facts = parseCrl(der)
    const isNewer = facts.number > BigInt(this.#held.get(issuer)?.number ?? 0)
    if (!isNewer && !own) return
    if (!verifyCrl(der, certificate) || facts.number > BigInt(Number.MAX_SAFE_INTEGER)) {
      log.warn({ issuer }, 'a peer showed a list that its issuer did not sign')
      return
    }
    const { thisUpdate, nextUpdate } = facts
    const crl = { issuer, number: Number(facts.number), thisUpdate, nextUpdate, der }
    if (own) return await this.#learnOwn(crl, facts)
    if (this.#held.size >= CRL_ISSUERS_MAX && !this.#held.has(issuer)) return
    await store.write(() => this.#store.put(crl))
    this.#hold(crl)
    this.#listeners.tell()
  }

  /**
   * A list of ours that we did not make, or forgot: of a root whose key another authority holds as well, or from before
   * a restore. Its entries count. It stands if we would say the same, or else there is a newer one at once.
   */
  async #learnOwn(crl: Crl, { revoked }: CrlFacts): Promise<void> {
    const { issuer } = crl
    const notAfter = this.#options.now() + IMPORTED_MS
    const said = revoked.map(({ serial, at, reason }) => ({
      ...{ serial, issuer, at, notAfter, reason: reasonOf(reason) },
    }))
    this.#seen.set(issuer, Math.max(this.#seen.get(issuer) ?? 0, crl.number))
    const isNewer = crl.number > (this.#held.get(issuer)?.number ?? 0)
    const hash = await this.#options.store.write(() => {
      this.#store.add(said)
      const entries = this.#store.entries(issuer)
      if (!isNewer || entries.length !== said.length) return undefined
      this.#store.put(crl)
      return hashOfEntries(entries)
    })
    if (hash !== undefined) this.#hold(crl, hash)
    else if (isNewer) this.#hashes.delete(issuer)
    await this.refresh()
  }
}
