import type { TrustState } from '@countersign/contract/platform'
import { Listeners } from '../listeners.ts'
import type { Ca } from '../pki/create-ca.ts'
import type { SignerStore } from '../pki/signer-store.ts'
import { writeTrustFiles } from '../pki/trust-file.ts'
import { grow } from './domain/branches.ts'
import { type Intermediates, sectionOf } from './domain/trust-state.ts'
import { LateEvents } from './late-events.ts'
import type { TrustOptions } from './trust-view.ts'
import type { Known, StepRecord, TrustStore } from './trust-store.ts'

export interface Opened {
  readonly store: TrustStore
  readonly vault: SignerStore
  readonly signers: SignerStore
  /** The intermediates whose keys lie here, by id. */
  readonly keys: Map<string, Ca>
  readonly known: Known
}

/**
 * Keeps what is known of trust. Changes come one after the other. Each is durable before anybody hears of it; the keys
 * that go with it are destroyed after that, and named in the store until then.
 */
export class Keeper {
  readonly events = new LateEvents()
  readonly opened: Opened
  readonly now: () => number
  readonly onCommit: (listener: () => void) => () => void
  readonly #options: TrustOptions
  readonly #listeners: Listeners
  #known: Known
  #last: Promise<unknown> = Promise.resolve()

  constructor(options: TrustOptions, opened: Opened) {
    const { log } = options
    this.opened = opened
    this.now = options.now ?? Date.now
    this.#options = options
    const { branch, authorities } = opened.known
    this.#known = { branch: grow(branch, branch.roots), authorities }
    this.#listeners = new Listeners((err) => log.error({ err }, 'a listener to trust failed'))
    this.onCommit = this.#listeners.add
  }

  get known(): Known {
    return this.#known
  }
  raw(): TrustState {
    const { branch, authorities } = this.#known
    return { roots: branch.roots, authorities: { ...authorities } }
  }
  /** This authority's own section. */
  own(): Intermediates {
    return sectionOf(this.raw(), this.#options.instance) ?? { version: 0, entries: [] }
  }
  withOwn(section: Intermediates): Known {
    const { branch, authorities } = this.#known
    return { branch, authorities: { ...authorities, [this.#options.instance]: section } }
  }

  /** Keeps an intermediate. Durable on return: nobody hears of one whose key could be lost. */
  async keep(ca: Ca): Promise<void> {
    await this.opened.signers.write(ca)
    this.opened.keys.set(ca.id, ca)
    this.events.tell((events) => events.acted({ act: 'intermediate.make', id: ca.id }))
  }

  async commit(known: Known, step?: StepRecord): Promise<void> {
    const { store, vault, signers, keys } = this.opened
    const leaving = this.#leaving(known)
    const gone = [...leaving.roots, ...leaving.own]
    const back = known.branch.roots.entries.map(({ id }) => id).filter((id) => store.isGone(id))
    await store.write({ at: this.now(), known, step, gone, back })
    this.#known = known
    for (const id of gone) keys.delete(id)
    this.#listeners.tell()
    await this.writeFiles()
    for (const id of leaving.roots) await this.#destroy(vault, id)
    for (const id of leaving.own) await this.#destroy(signers, id)
  }

  /** Writes `bundle.pem` and `trust.json`. Where that fails the next change tries again; the store has it all. */
  async writeFiles(): Promise<void> {
    try {
      await writeTrustFiles(this.#options.folder, this.raw())
    } catch (err) {
      this.#options.log.error({ err }, 'the files of trust cannot be written')
    }
  }

  inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#last.then(work)
    this.#last = done.catch(() => undefined)
    return done
  }

  async idle(): Promise<void> {
    await this.#last
  }

  /** What cannot be removed now goes at the next start. */
  async #destroy(store: SignerStore, id: string): Promise<void> {
    try {
      await store.remove(id)
      this.events.tell((events) => events.acted({ act: 'key.destroy', id }))
    } catch (err) {
      this.#options.log.error({ err, id }, 'the file of a key cannot be removed')
    }
  }

  #leaving(known: Known): { roots: string[]; own: string[] } {
    const roots = new Set(known.branch.roots.entries.map(({ id }) => id))
    const own = new Set(known.authorities[this.#options.instance]?.entries.map(({ id }) => id))
    return {
      roots: this.raw()
        .roots.entries.map(({ id }) => id)
        .filter((id) => !roots.has(id)),
      own: this.own()
        .entries.map(({ id }) => id)
        .filter((id) => !own.has(id)),
    }
  }
}
