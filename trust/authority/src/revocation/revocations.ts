import type { RevocationReason, RevocationWord } from '@countersign/contract/platform'
import { AuthorityError } from '../errors.ts'
import type { SyncTopic } from '../peers/topic.ts'
import { CHUNK, KEEP_AFTER_MS } from './limits.ts'
import { type Covered, type Plan, planRevocation, spread, type Wanted } from './plan-revocation.ts'
import type { FindElsewhere } from './ports.ts'
import { isSame, keyOf, type Revocation } from './revocation.ts'
import type { Asked, CompromisedKey } from './revocation-book.ts'
import { type LedgerOptions, RevocationLedger } from './revocation-ledger.ts'
import type { Change } from './revocation-store.ts'
import { RevocationTopic } from './revocation-topic.ts'

/** What was taken back, for whoever may look and not touch. Answers from memory. */
export interface RevocationView {
  all(): readonly Revocation[]
  has(certificate: Asked): boolean
  /** When, why and by whom; `undefined` where it was not taken back. */
  find(certificate: Asked): Revocation | undefined
  /** Whether strangers may know this key: a certificate of it was taken back for keyCompromise. SHA-256 of the SPKI, hex. */
  isCompromised(keyHash: string): boolean
  /** What workloads are told: the same, in the same order, at every authority that knows the same. */
  words(): RevocationWord[]
  /** Called after each change, when it is durable. Returns the way to stop listening. */
  onChange(listener: () => void): () => void
}

export interface RevocationOptions extends LedgerOptions {
  /** Asks the other authorities. None where nothing is said. */
  readonly findElsewhere?: FindElsewhere
}

/** Opens what the store holds. */
export function openRevocations(options: RevocationOptions): Revocations {
  return new Revocations(options)
}

const NOWHERE: FindElsewhere = async () => ({ found: [], silent: [] })

/** Takes certificates back, for good: there is no way to give one its trust again. */
export class Revocations implements RevocationView {
  readonly topic: SyncTopic
  readonly onChange: (listener: () => void) => () => void
  readonly #options: RevocationOptions
  readonly #ledger: RevocationLedger

  constructor(options: RevocationOptions) {
    this.#options = options
    this.#ledger = new RevocationLedger(options)
    this.onChange = this.#ledger.onChange
    this.topic = new RevocationTopic({
      book: this.#ledger.book,
      learn: (rows, keys) => this.#learn(rows, keys),
      onChange: this.onChange,
    })
  }

  all(): readonly Revocation[] {
    return this.#ledger.book.rows()
  }
  has(certificate: Asked): boolean {
    return this.find(certificate) !== undefined
  }
  find(certificate: Asked): Revocation | undefined {
    return this.#ledger.book.find(certificate)
  }
  isCompromised(keyHash: string): boolean {
    return this.#ledger.book.isCompromised(keyHash)
  }
  words(): RevocationWord[] {
    return this.#ledger.book.words()
  }

  /**
   * By serial or by SPIFFE id. Durable, with all that follows from it, when it returns what was taken back by this act.
   * Throws `AuthorityError` ALREADY_REVOKED, CERTIFICATE_UNKNOWN, CERTIFICATE_EXPIRED, CA_SIGNS, REVOCATIONS_FULL.
   */
  async revoke(wanted: Wanted, reason: RevocationReason, by: string): Promise<readonly Covered[]> {
    const elsewhere = await this.#askElsewhere(wanted)
    return await this.#ledger.change((known) => {
      const act = { reason, by: by.slice(0, 256), at: known.now }
      const plan = planRevocation(wanted, act, { ...known, elsewhere })
      const change = spread(plan.rows, known)
      const result = this.#newlyCovered(plan, change)
      this.#ledger.refuseFull(change)
      return { change, result }
    })
  }

  /** See `RevocationLedger`. It is done every ten minutes by itself. */
  sweep(): Promise<void> {
    return this.#ledger.sweep()
  }
  close(): void {
    this.#ledger.close()
  }

  async #askElsewhere(wanted: Wanted): ReturnType<FindElsewhere> {
    const { issued, findElsewhere = NOWHERE } = this.#options
    if ('name' in wanted) return await findElsewhere(wanted)
    const { serial } = wanted
    const isCa = this.#ledger
      .known()
      .intermediates()
      .some((ca) => ca.serial === serial)
    const isKnown = isCa || issued.find(serial) !== undefined
    return await (isKnown ? NOWHERE : findElsewhere)(wanted)
  }

  /** Nothing can be taken back twice; only a reason can become keyCompromise. Throws `AuthorityError` ALREADY_REVOKED. */
  #newlyCovered(plan: Plan, { rows }: Change): Covered[] {
    const { book } = this.#ledger
    const news = rows.filter((row) => book.row(keyOf(row))?.reason !== row.reason)
    const onlyName = plan.rows.every(({ scope }) => scope === 'name')
    if (!onlyName && news.every(({ scope }) => scope === 'name'))
      throw new AuthorityError('ALREADY_REVOKED', 'it has been taken back before')
    const keys = new Set(news.map(keyOf))
    return plan.covered.filter(
      ({ serial, lineage }) =>
        keys.has(`lineage ${lineage}`) ||
        keys.has(`certificate ${serial}`) ||
        keys.has(`either ${serial}`),
    )
  }

  /** Takes in what a peer says. */
  async #learn(rows: readonly Revocation[], keys: readonly CompromisedKey[]): Promise<void> {
    for (let i = 0; i < Math.max(rows.length, keys.length); i += CHUNK) {
      const someKeys = keys.slice(i, i + CHUNK).filter((key) => this.#isNews(key))
      const some = rows.slice(i, i + CHUNK).filter((row) => this.#isLiving(row))
      if (some.length + someKeys.length === 0) continue
      await this.#ledger.change((known) => {
        const change = spread(some, known)
        const all = { ...change, keys: [...change.keys, ...someKeys] }
        return { change: this.#ledger.withinBounds(all), result: undefined }
      })
    }
  }

  /** The earlier time counts. */
  #isNews({ hash, at }: CompromisedKey): boolean {
    const known = this.#ledger.book.key(hash)
    return known === undefined || at < known.at
  }
  /** What went here and is still kept there does not come back. */
  #isLiving(row: Revocation): boolean {
    const isOver = row.until < this.#options.now() - KEEP_AFTER_MS
    const before = this.#ledger.book.row(keyOf(row))
    return before === undefined ? !isOver : !isSame(before, row)
  }
}
