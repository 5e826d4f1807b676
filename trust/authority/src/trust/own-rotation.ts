import type { Blocker, RootEntry } from '@countersign/contract/platform'
import type { OwnStep, OwnStepReply } from '../peers/line.ts'
import { NEARLY_ENDED, shortId, spanUnder } from '../pki/create-ca.ts'
import { gateReady, without } from './domain/gates.ts'
import { leavingBy, type Stage, stageOf } from './domain/steps.ts'
import { activeRoot, intermediatesOf, sectionOf } from './domain/trust-state.ts'
import { OFF_LINE } from './plan-own.ts'
import type { RotationParts } from './rotation-parts.ts'
import { recordBlockers, unusedBlockers, upOf } from './sight.ts'
import type { StepAsker } from './trust-events.ts'

/** What a step would do at this authority: nothing any more, or something that these stand in the way of. */
export interface Outlook {
  readonly done: boolean
  readonly blockers: readonly Blocker[]
  /** Nobody can take these upon himself: the step does not fit. */
  readonly hard?: readonly Blocker[]
}
const DONE: Outlook = { done: true, blockers: [] }

/**
 * The part of a step that is this authority's own: its intermediates, and what it has on record. Another authority asks for
 * it, or the schedule. Nothing is done where something stands in the way.
 */
export async function ownStep(
  parts: RotationParts,
  ask: OwnStep,
  asker: StepAsker,
): Promise<OwnStepReply> {
  const outlook = await (ask.kind === 'root' ? ownRootOutlook(parts, ask) : ownOutlook(parts, ask))
  const blockers = remaining(outlook, ask.without)
  const { done } = outlook
  if (done || blockers.length > 0 || ask.dryRun === true) return { taken: false, done, blockers }
  // What there is to do with the roots, one authority does for all.
  if (ask.kind === 'root') return { taken: false, done: true, blockers: [] }
  const step = { step: ask.step, actor: asker.actor, without: ask.without ?? [] }
  const record = { ...step, kind: ask.kind, at: parts.now(), sequence: parts.trust.sequence() }
  await parts.events.taking(record, asker)
  try {
    const taken = await parts.trust.stepOwn(step)
    return { taken, done: !taken, blockers: [] }
  } catch (error) {
    parts.events.failed(record, asker, error)
    throw error
  }
}

/** What stands in the way, when the operator takes some of it upon himself. */
export function remaining(outlook: Outlook, names?: readonly string[]): Blocker[] {
  return [...(outlook.hard ?? []), ...without(outlook.blockers, names)]
}

async function ownRootOutlook(parts: RotationParts, { step }: OwnStep): Promise<Outlook> {
  if (step !== 'retire' && step !== 'rollback') return DONE
  return { done: false, blockers: recordBlockers(parts, leavingWithRoots(parts, step).own) }
}

async function ownOutlook(parts: RotationParts, { step }: OwnStep): Promise<Outlook> {
  const state = parts.trust.state()
  const root = activeRoot(state.roots)
  const own = sectionOf(state, parts.trust.instance)?.entries ?? []
  const below = own.filter((entry) => entry.root === root?.id)
  const stage = stageOf(below)
  if (isDone(step, stage) || root === undefined) return DONE
  const who = parts.trust.instance
  if (step === 'prepare') {
    if (stage === 'activated') return unfinished(who, 'intermediate')
    const fault = await cannotMake(parts, root)
    return {
      done: false,
      blockers: [],
      ...(fault === undefined ? {} : { hard: [{ who, why: fault }] }),
    }
  }
  if (step === 'activate') return { done: false, blockers: [] }
  if (step === 'retire' && stage === 'prepared') return notActive(who)
  const leaving = new Set(leavingBy(step, below).map(({ id }) => id))
  if (leaving.size === 0) return { done: false, blockers: [] }
  const blockers = [...(await unusedBlockers(parts, leaving)), ...recordBlockers(parts, leaving)]
  return { done: false, blockers }
}

/** Why no intermediate can be made under this root, if so. */
async function cannotMake(
  { trust, now }: RotationParts,
  root: RootEntry,
): Promise<string | undefined> {
  if (!(await trust.rootKeys()).has(root.id)) return `root ${shortId(root.id)}: ${OFF_LINE}`
  const { intermediateMs: lifetimeMs } = trust.options.lifetimes
  const span = spanUnder(root.certificate, { now: now(), lifetimeMs })
  return span === 'ISSUER_ENDS_SOON' ? NEARLY_ENDED : undefined
}

/** Intermediates that go with the roots that a step takes out: all, and this authority's own. */
function leavingWithRoots(
  { trust }: RotationParts,
  step: 'retire' | 'rollback',
): { all: Set<string>; own: Set<string> } {
  const state = trust.state()
  const roots = new Set(leavingBy(step, state.roots.entries).map(({ id }) => id))
  const going = intermediatesOf(state).filter(({ root }) => roots.has(root))
  const own = going.filter(({ instance }) => instance === trust.instance)
  return { all: new Set(going.map(({ id }) => id)), own: new Set(own.map(({ id }) => id)) }
}

/** The part of a step with the roots that does not need other authorities to answer. */
export async function rootOutlook(parts: RotationParts, step: OwnStep['step']): Promise<Outlook> {
  const state = parts.trust.state()
  const { entries } = state.roots
  const stage = stageOf(entries)
  if (isDone(step, stage)) return DONE
  const active = activeRoot(state.roots)
  const who = `root ${shortId(active?.id ?? '')}`
  if (step === 'prepare') {
    if (stage === 'activated') return unfinished(who, 'root')
    if (active !== undefined && (await parts.trust.rootKeys()).has(active.id))
      return { done: false, blockers: [] }
    const why = `its key is not in the vault, so clients outside that know only this root will not believe the new one; do: countersign cert import-root, or go on without it`
    return { done: false, blockers: [{ who, why }] }
  }
  if (step === 'retire' && stage === 'prepared') return notActive(who)
  // Who trusts the new one is asked by the caller.
  if (step === 'activate') return { done: false, blockers: [] }
  if (step === 'rollback' && stage === 'activated') {
    const old = entries.filter((each) => each.state === 'old').toSorted((a, b) => b.since - a.since)
    return { done: false, blockers: old[0] ? gateReady(state, old[0], upOf(parts)) : [] }
  }
  return { done: false, blockers: await unusedBlockers(parts, leavingWithRoots(parts, step).all) }
}

function isDone(step: OwnStep['step'], stage: Stage): boolean {
  if (step === 'prepare') return stage === 'prepared'
  if (step === 'activate') return stage !== 'prepared'
  return stage === 'rest'
}

function unfinished(who: string, kind: string): Outlook {
  const why = `the rotation before is not over; do: countersign cert rotate-${kind} --step retire, or --step rollback`
  return { done: false, blockers: [], hard: [{ who, why }] }
}

function notActive(who: string): Outlook {
  const why = 'what is prepared has to be activated first, or rolled back'
  return { done: false, blockers: [], hard: [{ who, why }] }
}
