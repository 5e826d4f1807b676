import type { Log } from '@countersign/ground/telemetry'
import { AuthorityError } from '../errors.ts'
import { Listeners } from '../listeners.ts'
import type { Store } from '../store/store.ts'
import { COMPROMISED_KEYS_MAX, RECENT_MS, SWEEP_MS, WEIGHT_MAX, WEIGHT_OWN_MAX } from './limits.ts'
import { type Known, listed } from './plan-revocation.ts'
import type { IssuedRecords, TrustedCa } from './ports.ts'
import { keyOf, weightOf } from './revocation.ts'
import { RevocationBook } from './revocation-book.ts'
import { type Change, RevocationStore } from './revocation-store.ts'

export interface LedgerOptions {
  readonly store: Store
  readonly issued: IssuedRecords
  readonly now: () => number
  readonly log: Log
  /** The intermediates of all authorities. None where nothing is said. */
  readonly intermediates?: () => readonly TrustedCa[]
}

/**
 * The book of revocations and its tables, kept the same. One change at a time: each is decided on all that came before
 * it, and is durable before anybody sees it. What has long been over goes.
 */
export class RevocationLedger {
  readonly book = new RevocationBook()
  readonly onChange: (listener: () => void) => () => void
  readonly #options: LedgerOptions
  readonly #store: RevocationStore
  readonly #listeners: Listeners
  readonly #timer: NodeJS.Timeout
  #last: Promise<unknown> = Promise.resolve()

  constructor(options: LedgerOptions) {
    this.#options = options
    this.#store = new RevocationStore(options.store)
    this.#listeners = new Listeners((err) =>
      options.log.error({ err }, 'a listener to revocations failed'),
    )
    this.onChange = this.#listeners.add
    for (const row of this.#store.rows()) this.book.put(row)
    for (const key of this.#store.keys()) this.book.putKey(key)
    this.#timer = setInterval(() => void this.sweep(), SWEEP_MS).unref()
  }

  known(): Known {
    const { issued, intermediates = () => [], now } = this.#options
    return { book: this.book, issued, intermediates, now: now() }
  }

  /** `decide` runs within the write: it sees every record that was asked to be written before. */
  change<T>(decide: (known: Known) => { change: Change; result: T }): Promise<T> {
    return this.#inTurn(async () => {
      const { change, result } = await this.#options.store.write(() => {
        const decided = decide(this.known())
        this.#store.write(decided.change)
        return decided
      })
      for (const row of change.rows) this.book.put(row)
      for (const key of change.keys) this.book.putKey(key)
      if (change.rows.length + change.keys.length > 0) this.#listeners.tell()
      return result
    })
  }

  /** Forgets what has been over for long, and looks for certificates that were under way when their lineage went. */
  async sweep(): Promise<void> {
    const { store, log } = this.#options
    const work = this.#inTurn(async () => {
      const gone = await store.write(() => {
        const known = this.known()
        const recent = this.book.rows().filter(({ at }) => at > known.now - RECENT_MS)
        const certificates = recent.flatMap((row) => listed(row, known))
        this.#store.write({ rows: [], keys: [], certificates })
        return this.#store.sweep(known.now)
      })
      for (const key of gone) this.book.remove(key)
      if (gone.length > 0) this.#listeners.tell()
    })
    await work.catch((error: unknown) => log.error({ err: error }, 'revocations were not swept'))
  }

  /** Throws `AuthorityError` REVOCATIONS_FULL where a change of our own has no room. */
  refuseFull(change: Change): void {
    if (this.#fits(change, WEIGHT_OWN_MAX)) return
    const message = 'no more revocations can be kept; rotate the intermediates instead'
    throw new AuthorityError('REVOCATIONS_FULL', message)
  }

  /** Beyond what workloads can be told nothing is taken in: their feed would break, and with it all of trust. */
  withinBounds(change: Change): Change {
    if (this.#fits(change, WEIGHT_MAX)) return change
    this.#options.log.error('revocations of a peer do not fit any more: they count only there')
    return { rows: [], keys: [], certificates: [] }
  }

  close(): void {
    clearInterval(this.#timer)
  }

  #fits({ rows, keys }: Change, weightMax: number): boolean {
    const added = rows
      .filter((row) => this.book.row(keyOf(row)) === undefined)
      .reduce((sum, row) => sum + weightOf(row), 0)
    const newKeys = keys.filter(({ hash }) => !this.book.isCompromised(hash)).length
    return (
      (added === 0 || this.book.weight + added <= weightMax) &&
      (newKeys === 0 || this.book.keyCount + newKeys <= COMPROMISED_KEYS_MAX)
    )
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#last.then(work)
    this.#last = done.catch(() => undefined)
    return done
  }
}
