import type { RootEntry, TrustState } from '@countersign/contract/platform'
import { factsOf, type Report } from '../../evidence/domain/fact.ts'
import { gateTrusted, gateUnused } from './gates.ts'
import { leavingBy, stepIntermediates, stepRoots } from './steps.ts'
import { intermediatesOf, readingOf } from './trust-state.ts'

export const id = (n: number) => String(n).padStart(40, '0')
export const rootEntry = (n: number): RootEntry => ({
  ...{ id: id(n), certificate: `root ${n}`, state: 'next', since: 0 },
})
export const first = {
  version: 1,
  entries: [{ ...rootEntry(1), state: 'active' as const, sequence: 1 }],
}
/*
 * A small world: three workloads with certificates of two authorities, one of which may be asleep. Whatever happens in
 * whatever order, steps are only taken through their gates, and no workload ever shows a certificate that another one that
 * could be called does not trust.
 */
interface Holder {
  readonly name: string
  bundle: { sequence: number; roots: readonly string[] }
  leaf: { issuer: string; root: string; notAfter: number; serial: string }
  report: Report
  asleep: boolean
}
export const LIFE = 20
const AUTHORITIES = ['authority-1', 'authority-2']

export class World {
  now = 0
  serial = 1
  made = 10
  taken: string[] = []
  state: TrustState = {
    roots: first,
    authorities: Object.fromEntries(
      AUTHORITIES.map((name, i) => [
        name,
        {
          version: 1,
          entries: [{ id: id(5 + i), root: id(1), certificate: '', state: 'active', since: 0 }],
        },
      ]),
    ),
  }
  holders: Holder[] = ['order', 'payment', 'user'].map((name) => this.#join(name))

  #join(name: string): Holder {
    const bundle = this.#bundle()
    const leaf = this.#sign(AUTHORITIES[0] ?? '')
    const holder = { name, bundle, leaf, asleep: false }
    return { ...holder, report: this.#reportOf(holder) }
  }
  #bundle() {
    const { version: sequence, entries } = this.state.roots
    return { sequence, roots: entries.map((root) => root.id) }
  }
  #sign(authority: string): Holder['leaf'] {
    const signer = intermediatesOf(readingOf(this.state)).find(
      (each) => each.instance === authority && each.state === 'active',
    )
    if (signer === undefined) throw new Error('an authority has nothing to sign with')
    const serial = (this.serial++).toString(16)
    return { issuer: signer.id, root: signer.root, notAfter: this.now + LIFE, serial }
  }
  #reportOf({ name, bundle, leaf }: Omit<Holder, 'report'>): Report {
    const { serial, issuer, notAfter } = leaf
    const { sequence } = bundle
    return {
      name,
      instance: `${name}-1`,
      sequence,
      certificates: [{ serial, issuer, notAfter }],
      at: this.now,
    }
  }

  follow(i: number): void {
    const holder = this.holders[i % this.holders.length]
    if (holder === undefined || holder.asleep) return
    holder.bundle = this.#bundle()
    holder.report = this.#reportOf(holder)
  }
  followAll(): void {
    for (const i of this.holders.keys()) this.follow(i)
  }
  renewAll(): void {
    for (const i of this.holders.keys()) this.renew(i)
  }
  renew(i: number): void {
    const holder = this.holders[i % this.holders.length]
    if (holder === undefined || holder.asleep || holder.leaf.notAfter <= this.now) return
    holder.leaf = this.#sign(AUTHORITIES[i % 2] ?? '')
    // As in the mesh: what is shown is reported before anything else is asked of it.
    holder.report = this.#reportOf(holder)
  }
  sleep(i: number): void {
    const holder = this.holders[i % this.holders.length]
    if (holder !== undefined) holder.asleep = !holder.asleep
  }
  pass(ticks: number): void {
    for (let t = 0; t < ticks; t++) {
      this.now++
      // Who is awake renews at half of its life.
      for (const [i, holder] of this.holders.entries()) {
        if (holder.leaf.notAfter - this.now < LIFE / 2) this.renew(i)
        // Whose certificate has expired while it slept starts anew.
        if (!holder.asleep && holder.leaf.notAfter <= this.now)
          Object.assign(holder, this.#join(holder.name))
      }
    }
  }

  #facts() {
    const registered = this.holders.map(({ name, asleep }) => ({
      name,
      instance: `${name}-1`,
      passing: !asleep,
    }))
    return factsOf(
      this.holders.map(({ report }) => report),
      registered,
      this.now,
    )
  }
  step(step: 'prepare' | 'activate' | 'retire' | 'rollback'): boolean {
    const reading = readingOf(this.state)
    const { roots } = reading
    const seen = { facts: this.#facts(), now: this.now }
    const next = roots.entries.find((root) => root.state === 'next')
    if (step === 'activate' && next !== undefined)
      if (gateTrusted(reading, next, { ...seen, up: AUTHORITIES }).length > 0) return false
    if (step === 'retire' || step === 'rollback') {
      const going = new Set(leavingBy(step, roots.entries).map((root) => root.id))
      const leaving = intermediatesOf(reading).filter(({ root }) => going.has(root))
      const gate = gateUnused(reading, new Set(leaving.map((each) => each.id)), seen)
      if (going.size > 0 && gate.length > 0) return false
    }
    const entry = rootEntry(this.made)
    const after = stepRoots(roots, step === 'prepare' ? { step, entry } : { step }, this.now)
    if (after === undefined) return false
    if (step === 'prepare') this.made++
    this.taken.push(step)
    this.state = { ...this.state, roots: after }
    this.#reconcile()
    return true
  }
  intermediate(step: 'prepare' | 'activate' | 'retire' | 'rollback', i: number): void {
    const instance = AUTHORITIES[i % 2] ?? ''
    const reading = readingOf(this.state)
    const section = reading.authorities[instance]
    const root = reading.roots.entries.find(({ state }) => state === 'active')
    if (section === undefined || root === undefined) return
    const below = section.entries.filter((each) => each.root === root.id)
    if (step === 'retire' || step === 'rollback') {
      const leaving = new Set(leavingBy(step, below).map((each) => each.id))
      const seen = { facts: this.#facts(), now: this.now }
      if (leaving.size > 0 && gateUnused(reading, leaving, seen).length > 0) return
    }
    const entry = {
      id: id(this.made),
      root: root.id,
      certificate: '',
      state: 'next' as const,
      since: 0,
    }
    const after = stepIntermediates(
      section,
      step === 'prepare' ? { step, entry } : { step, root: root.id },
      this.now,
    )
    if (after === undefined) return
    if (step === 'prepare') this.made++
    this.state = { ...this.state, authorities: { ...this.state.authorities, [instance]: after } }
  }
  #reconcile(): void {
    const reading = readingOf(this.state)
    const authorities = { ...reading.authorities }
    for (const root of reading.roots.entries) {
      for (const name of AUTHORITIES) {
        const section = authorities[name] ?? { version: 0, entries: [] }
        if (root.state === 'old' || section.entries.some((each) => each.root === root.id)) continue
        const made = {
          id: id(this.made++),
          root: root.id,
          certificate: '',
          state: root.state,
          since: this.now,
        }
        authorities[name] = { version: section.version + 1, entries: [...section.entries, made] }
      }
    }
    this.state = { ...reading, authorities }
  }

  /** Who shows a living certificate that somebody who is awake does not trust. */
  strangers(): string[] {
    const shown = this.holders.filter(({ leaf }) => this.now < leaf.notAfter)
    const inBundle = new Set(this.state.roots.entries.map((root) => root.id))
    const outside = shown.filter(({ leaf }) => !inBundle.has(leaf.root)).map(({ name }) => name)
    const pairs = shown.flatMap(({ name, leaf }) =>
      this.holders
        .filter(
          (other) => this.now < other.leaf.notAfter && !other.bundle.roots.includes(leaf.root),
        )
        .map((other) => `${other.name} does not trust ${name}`),
    )
    return [...outside, ...pairs]
  }
}
