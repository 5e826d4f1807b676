import type { TrustState } from '@countersign/contract/platform'
import { Listeners } from '../listeners.ts'
import { spanOf } from '../pki/create-ca.ts'
import { readTrustFile } from '../pki/trust-file.ts'
import { OwnSigners } from '../signing/signers.ts'
import { type Branch, grow } from './domain/branches.ts'
import { hashOf, readingOf, sectionOf } from './domain/trust-state.ts'
import { joinKnown } from './join-known.ts'
import { Keeper, type Opened } from './keeper.ts'
import { nextRoots, nextSection } from './next-sections.ts'
import { type Own, planOwn } from './plan-own.ts'
import type { TrustEvents } from './trust-events.ts'
import type { StepRecord } from './trust-store.ts'
import { createTrustTopic, type TrustTopic } from './trust-topic.ts'
import type { TrustOptions, TrustView, Words } from './trust-view.ts'
import { type CommonWord, wordOf } from './word.ts'

type Step = Pick<StepRecord, 'step' | 'actor' | 'without'>

/** The state of trust of one authority, with the keys of its intermediates. Opened by `openTrust`. */
export class Trust implements TrustView {
  readonly instance: string
  readonly options: TrustOptions
  readonly signers: OwnSigners
  readonly topic: TrustTopic
  readonly onChange: (listener: () => void) => () => void
  readonly #keeper: Keeper
  readonly #listeners: Listeners
  #words: Words | undefined
  #reading: TrustState
  #word: CommonWord | undefined
  #missing: ReadonlyMap<string, string> = new Map()

  constructor(options: TrustOptions, opened: Opened) {
    const { instance, log, lifetimes } = options
    this.instance = instance
    this.options = options
    this.#keeper = new Keeper(options, opened)
    this.#reading = readingOf(this.raw())
    const { now, onCommit } = this.#keeper
    this.signers = new OwnSigners({ instance, leafMs: lifetimes.leafMs, now })
    this.#listeners = new Listeners((err) => log.error({ err }, 'a listener to trust failed'))
    this.onChange = this.#listeners.add
    this.topic = createTrustTopic(this, options.trustDomain, onCommit)
    this.#derive()
    onCommit(() => {
      this.#derive()
      this.#listeners.tell()
    })
  }

  state(): TrustState {
    return this.#reading
  }
  bundle(): string {
    return this.word().bundle
  }
  sequence(): number {
    return this.#reading.roots.version
  }
  revision(): string {
    return this.word().revision
  }
  /** What every workload is told. */
  word(): CommonWord {
    this.#word ??= wordOf(this.#reading, this.#words?.words() ?? [])
    return this.#word
  }
  /** The state as it is told to other authorities. */
  raw(): TrustState {
    return this.#keeper.raw()
  }
  branch(): Branch {
    return this.#keeper.known.branch
  }
  /** Roots under which this authority should have an intermediate and cannot, by id, and why. */
  missing(): ReadonlyMap<string, string> {
    return this.#missing
  }
  /** Roots whose keys lie in the vault. */
  async rootKeys(): Promise<ReadonlySet<string>> {
    return new Set(await this.#keeper.opened.vault.list())
  }
  /** Steps that were taken here, the newest first. */
  history(limit: number): StepRecord[] {
    return this.#keeper.opened.store.steps(limit)
  }

  /** From now on there is somebody to tell, and there are revocations to be told of. Returns the way to stop listening. */
  attach(parts: { readonly events: TrustEvents; readonly words: Words }): () => void {
    this.#words = parts.words
    this.#word = undefined
    this.#keeper.events.attach(parts.events)
    return parts.words.onChange(() => {
      this.#word = undefined
      this.#listeners.tell()
    })
  }

  /** Makes what is missing of this authority's own, and lets go what is over. Safe to repeat. */
  reconcile(): Promise<void> {
    return this.#keeper.inTurn(() => this.#reconcile())
  }

  /** Takes in what another authority knows. The state has been checked. */
  adopt(said: { readonly state: TrustState; readonly branch: Branch }): Promise<void> {
    const keeper = this.#keeper
    return keeper.inTurn(async () => {
      const joined = joinKnown(keeper.known, said, this.instance)
      if (joined === undefined) return
      await keeper.commit(joined.known)
      const { roots } = joined.known.branch
      const ids = roots.entries.map(({ id }) => id)
      const act = { act: 'trust.mend', sequence: roots.version, roots: ids } as const
      if (joined.isMended) keeper.events.tell((events) => events.acted(act))
      await this.#reconcile()
    })
  }

  /** Takes a step with the roots. `false` where there is nothing to do. The gates are the caller's. */
  stepRoots(asked: Step): Promise<boolean> {
    const keeper = this.#keeper
    return keeper.inTurn(async () => {
      const roots = await nextRoots(this.#reading, asked.step, {
        ...{ vault: keeper.opened.vault, now: keeper.now(), trustDomain: this.options.trustDomain },
        rootMs: this.options.lifetimes.rootMs,
      })
      if (roots === undefined) return false
      const step = { ...asked, kind: 'root', at: keeper.now(), sequence: roots.version } as const
      await keeper.commit({ ...keeper.known, branch: grow(keeper.known.branch, roots) }, step)
      await this.#reconcile()
      return true
    })
  }

  /** Takes a step with this authority's own intermediates. `false` where there is nothing to do. */
  stepOwn(asked: Step): Promise<boolean> {
    const keeper = this.#keeper
    return keeper.inTurn(async () => {
      const next = await nextSection(this.#reading, asked.step, this.#own())
      if (next === undefined) return false
      if (next.made !== undefined) await keeper.keep(next.made)
      const [at, sequence] = [keeper.now(), this.sequence()]
      const step = { ...asked, kind: 'intermediate', at, sequence } as const
      await keeper.commit(keeper.withOwn(next.section), step)
      await this.#reconcile()
      return true
    })
  }

  /**
   * Takes over what the folder says. Whoever slept while the last root that he knows was retired is believed by nobody, and
   * hears of it only here. Throws `AuthorityError` PKI_DAMAGED.
   */
  async readFiles(): Promise<void> {
    const state = await readTrustFile(this.options.folder)
    if (state !== undefined) await this.topic.take(state)
  }

  /** Writes `bundle.pem` and `trust.json`, as at each change. */
  writeFiles(): Promise<void> {
    return this.#keeper.writeFiles()
  }

  /** Waits for what has begun. */
  close(): Promise<void> {
    return this.#keeper.idle()
  }

  async #reconcile(): Promise<void> {
    const keeper = this.#keeper
    const plan = await planOwn(this.raw(), this.#own())
    for (const ca of plan.made) await keeper.keep(ca)
    this.#tellMissing(plan.missing)
    const { version, entries } = keeper.own()
    const wanted = { version, entries: [...plan.entries] }
    if (version > 0 && hashOf({ version, entries }) === hashOf(wanted)) return
    await keeper.commit(keeper.withOwn({ ...wanted, version: version + 1 }))
  }

  #own(): Own {
    const { instance, trustDomain, lifetimes, rotation } = this.options
    const { keys, vault } = this.#keeper.opened
    return {
      ...{ instance, trustDomain, keys, vault, intermediateMs: lifetimes.intermediateMs },
      now: this.#keeper.now(),
      canSign: (certificate) => this.signers.canSign({ span: spanOf(certificate) }),
      mayReplace: rotation === 'auto',
    }
  }

  #derive(): void {
    this.#reading = readingOf(this.raw())
    this.#word = undefined
    const entries = sectionOf(this.#reading, this.instance)?.entries ?? []
    this.signers.update(entries, this.#keeper.opened.keys)
  }

  #tellMissing(missing: ReadonlyMap<string, string>): void {
    const before = this.#missing
    this.#missing = missing
    for (const [root, why] of missing) {
      if (before.get(root) === why) continue
      this.options.log.error({ root, why }, 'there is no intermediate under a root')
      this.#keeper.events.tell((events) => events.missing(root, why))
    }
  }
}
