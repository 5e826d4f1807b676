import type { Blocker, RootEntry, TrustState } from '@countersign/contract/platform'
import { type Fact, isValid, type Shown } from '../../evidence/domain/fact.ts'
import type { OnRecord } from '../../evidence/domain/record.ts'
import { activeRoot, intermediatesOf, sequenceOf } from './trust-state.ts'

/*
 * What has to be shown before a step. Silence opens no gate: who lives and has said nothing stands in the way.
 */
const SHORT = 12

/** Before a root may sign: everybody trusts it, and every authority that is up has an intermediate under it. */
export function gateTrusted(
  state: TrustState,
  root: RootEntry,
  seen: { readonly facts: readonly Fact[]; readonly up: readonly string[] },
): Blocker[] {
  const needed = sequenceOf(state.roots, root)
  const trusted = seen.facts.flatMap((fact) => trusts(fact, needed, state.roots.version))
  return [...trusted, ...gateReady(state, root, seen.up)]
}

/** Every authority that is up has an intermediate under this root. */
export function gateReady(state: TrustState, root: RootEntry, up: readonly string[]): Blocker[] {
  const ready = new Set(
    intermediatesOf(state)
      .filter((each) => each.root === root.id)
      .map(({ instance }) => instance),
  )
  const why = `it has no intermediate under root ${root.id.slice(0, SHORT)}; where the key of that root is off line, do: countersign cert import-root`
  return up.filter((instance) => !ready.has(instance)).map((who) => ({ who, why }))
}

/** Before CAs go: nobody shows a certificate of theirs, and everybody trusts what stays. */
export function gateUnused(
  state: TrustState,
  leaving: ReadonlySet<string>,
  { facts, now }: { readonly facts: readonly Fact[]; readonly now: number },
): Blocker[] {
  const known = new Set(intermediatesOf(state).map(({ id }) => id))
  const active = activeRoot(state.roots)
  const needed = active === undefined ? 0 : sequenceOf(state.roots, active)
  return facts.flatMap((fact) => {
    const silent = [...trusts(fact, needed, state.roots.version), ...overdue(fact, now)]
    if (silent.length > 0) return silent
    return (fact.report?.certificates ?? []).flatMap((shown) =>
      now < shown.notAfter ? shows(fact, shown, { leaving, known }) : [],
    )
  })
}

/** Certificates on record that may be in use, though no workload says so. */
export function gateRecords(records: readonly OnRecord[]): Blocker[] {
  return records.map(({ serial, name, kind, notAfter }) => ({
    who: cut(name, 256),
    why:
      kind === 'acme'
        ? `certificate ${serial} for a client outside of the mesh was signed under it`
        : `nobody has reported certificate ${serial}, which was signed under it: somebody may hold it`,
    serial,
    until: notAfter,
  }))
}

/** What is left when the operator takes some of them upon himself, by `who`. */
export function without(blockers: readonly Blocker[], names: readonly string[] = []): Blocker[] {
  return blockers.filter(({ who }) => !names.includes(who))
}

/** Who is called and has outlived all that he has reported has others, of which another authority may have heard. */
function overdue({ who, report, registered }: Fact, now: number): Blocker[] {
  if (registered === undefined || report === undefined || isValid(report, now)) return []
  const why = `it is registered, and all certificates that it has reported have ended: nobody knows what it shows now`
  return [{ who, why }]
}

function trusts({ who, report, registered }: Fact, needed: number, newest: number): Blocker[] {
  if (report === undefined) {
    const state = registered?.passing === false ? 'is registered as critical' : 'is registered'
    const why = `it ${state} and has not reported since this authority started: nobody knows what it trusts and shows`
    return [{ who, why }]
  }
  // Sequences are comparable as long as nobody has set the authorities back.
  if (report.sequence > newest) {
    const why = `it trusts bundle ${report.sequence}, and the authorities know no later one than ${newest}: they were set back; start it anew`
    return [{ who, why, ...lastEnd(report.certificates) }]
  }
  if (report.sequence >= needed) return []
  const why = `it trusts bundle ${report.sequence}; the step needs bundle ${needed}`
  return [{ who, why, ...lastEnd(report.certificates) }]
}

function shows(
  { who }: Fact,
  { serial, issuer, notAfter }: Shown,
  { leaving, known }: { leaving: ReadonlySet<string>; known: ReadonlySet<string> },
): Blocker[] {
  const by = `certificate ${serial} of issuer ${issuer.slice(0, SHORT)}`
  if (leaving.has(issuer))
    return [{ who, why: `it shows ${by}, which goes`, serial, until: notAfter }]
  if (known.has(issuer)) return []
  return [{ who, why: `it shows ${by}, which nobody knows`, serial, until: notAfter }]
}

function lastEnd(certificates: readonly Shown[]): { until?: number } {
  const end = Math.max(...certificates.map(({ notAfter }) => notAfter))
  return Number.isFinite(end) ? { until: end } : {}
}

function cut(text: string, chars: number): string {
  return text.length <= chars ? text : `${text.slice(0, chars - 1)}…`
}
