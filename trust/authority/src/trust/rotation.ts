import type { Blocker, RotationKind, RotationStep } from '@countersign/contract/platform'
import { messageOf } from '@countersign/ground/errors'
import type { OwnStep, OwnStepReply, PeerLink } from '../peers/line.ts'
import { gateTrusted, without } from './domain/gates.ts'
import { goneBack, stageAt } from './domain/gone-back.ts'
import { BLOCKERS_MAX, PEER_STEP_MS_MAX } from './limits.ts'
import { type Outlook, ownStep, remaining, rootOutlook } from './own-rotation.ts'
import type { RotationParts } from './rotation-parts.ts'
import { lookAround, upOf } from './sight.ts'
import type { StepAsker } from './trust-events.ts'

export interface RotateAsk {
  readonly kind: RotationKind
  readonly step: RotationStep
  readonly dryRun?: boolean | undefined
  readonly without?: readonly string[] | undefined
}
export interface RotateReply {
  readonly taken: boolean
  readonly done: boolean
  readonly blockers: readonly Blocker[]
  readonly sequence: number
}

/*
 * A step of a rotation:
 *
 *   1. it is this authority's turn, and it knows what all others know
 *   2. everything that stands in the way is looked for, also at the others: each looks at what it has on record itself
 *   3. the step is put on record, and taken: the roots here, the intermediates by each authority that is up
 *   4. the others hear of it before the answer goes out
 *
 * An authority that is not up has no say. It takes over what was decided before it opens its doors again. What became of a
 * step whose answer was lost shows in what that authority says of its intermediates; so a step can be asked for again.
 */

const SILENT = 'it was here a moment ago and does not answer'

/** `silent`: who did not answer. */
type PeerReply = OwnStepReply & { readonly silent?: string }
const TAKEN: PeerReply = { taken: true, done: false, blockers: [] }
const DONE: PeerReply = { taken: false, done: true, blockers: [] }
const NOBODY: ReadonlySet<string> = new Set()

/** Takes steps of rotations, one at a time, through their gates. */
export class Rotation {
  readonly #parts: RotationParts

  constructor(parts: RotationParts) {
    this.#parts = parts
  }

  /** Takes a step, or says what stands in its way. */
  async rotate(ask: RotateAsk, asker: StepAsker): Promise<RotateReply> {
    const { turn, peers, events } = this.#parts
    const result = await turn.take(peers, (answered) => this.#rotate(ask, asker, answered))
    if (typeof result !== 'string') return result.done
    const why = 'it takes a step at this moment; ask again'
    const blockers = [{ who: result, why }]
    events.refused(ask, asker, blockers)
    return this.#reply({ taken: false, done: false, blockers })
  }

  /** The part of a step that is this authority's own. */
  own(ask: OwnStep, asker: StepAsker): Promise<OwnStepReply> {
    return ownStep(this.#parts, ask, asker)
  }

  async #rotate(
    ask: RotateAsk,
    asker: StepAsker,
    answered: readonly string[],
  ): Promise<RotateReply> {
    const { events } = this.#parts
    const { kind, step, dryRun = false } = ask
    const outlook = kind === 'root' ? await this.#root(ask, asker) : await this.#all(ask, asker)
    const silent = outlook.done ? [] : without(this.#silent(answered), ask.without)
    const blockers = [...silent, ...remaining(outlook, ask.without)]
    if (blockers.length > 0 && !dryRun) events.refused({ kind, step }, asker, blockers)
    if (outlook.done || blockers.length > 0 || dryRun)
      return this.#reply({ taken: false, done: outlook.done, blockers })
    const reply =
      kind === 'root' ? await this.#takeRoot(ask, asker) : await this.#takeAll(ask, asker)
    await this.#parts.peers.round()
    return this.#reply(reply)
  }

  /** Who was heard of just now and does not answer could be changing the roots at this moment. */
  #silent(answered: readonly string[]): Blocker[] {
    const up = this.#parts.peers.up().map(({ instance }) => instance)
    return up.filter((who) => !answered.includes(who)).map((who) => ({ who, why: SILENT }))
  }

  async #root(ask: RotateAsk, asker: StepAsker): Promise<Outlook> {
    const { trust } = this.#parts
    const outlook = await rootOutlook(this.#parts, ask.step)
    if (outlook.done || ask.step === 'prepare') return outlook
    if (ask.step !== 'activate') {
      const others = await this.#askAll({ ...ask, dryRun: true }, asker)
      return { ...outlook, blockers: [...outlook.blockers, ...others.flatMap(blockersOf)] }
    }
    const seen = await lookAround(this.#parts)
    const state = trust.state()
    const next = state.roots.entries.find((root) => root.state === 'next')
    const up = upOf(this.#parts)
    const gate = next === undefined ? [] : gateTrusted(state, next, { facts: seen.facts, up })
    return { ...outlook, blockers: [...seen.blockers, ...gate] }
  }

  async #all(ask: RotateAsk, asker: StepAsker): Promise<Outlook> {
    // Each authority leaves out what the operator takes upon himself, but not what does not fit.
    const replies = await this.#askAll({ ...ask, dryRun: true }, asker)
    return {
      done: replies.every(({ done }) => done),
      blockers: [],
      hard: replies.flatMap(blockersOf),
    }
  }

  async #takeRoot(ask: RotateAsk, asker: StepAsker) {
    const { trust, events, now } = this.#parts
    const step = { step: ask.step, actor: asker.actor, without: ask.without ?? [] }
    const record = { ...step, kind: ask.kind, at: now(), sequence: trust.sequence() + 1 }
    await events.taking(record, asker)
    try {
      const taken = await trust.stepRoots(step)
      return { taken, done: !taken, blockers: [] }
    } catch (error) {
      events.failed(record, asker, error)
      throw error
    }
  }

  async #takeAll(ask: RotateAsk, asker: StepAsker) {
    const { trust, peers } = this.#parts
    const before = trust.state()
    let replies = await this.#askAll({ ...ask, dryRun: false }, asker)
    if (replies.some(({ silent }) => silent !== undefined)) {
      await peers.round()
      const moved = (who: string) => stageAt(before, who) !== stageAt(trust.state(), who)
      replies = replies.map((reply) =>
        reply.silent !== undefined && moved(reply.silent) ? TAKEN : reply,
      )
    }
    const blockers = replies.flatMap(blockersOf)
    if (blockers.length > 0) this.#parts.events.refused(ask, asker, blockers)
    const taken = blockers.length === 0 && replies.some((reply) => reply.taken)
    return { taken, done: replies.every(({ done }) => done), blockers }
  }

  /** Asks every authority that is up, this one as well. One that does not answer stands in the way. */
  async #askAll(ask: RotateAsk, asker: StepAsker): Promise<PeerReply[]> {
    const { kind, step, dryRun = false, without = [] } = ask
    const { trust, peers } = this.#parts
    const own: OwnStep = { kind, step, dryRun, without }
    const isBack = kind === 'intermediate' && step === 'rollback'
    const gone = isBack ? goneBack(trust.state(), upOf(this.#parts)) : NOBODY
    const others = peers
      .up()
      .map(({ instance, link }) => (gone.has(instance) ? DONE : askPeer(instance, link, own)))
    return Promise.all([
      gone.has(trust.instance) ? DONE : ownStep(this.#parts, own, asker),
      ...others,
    ])
  }

  #reply({ blockers, ...reply }: Omit<RotateReply, 'sequence'>): RotateReply {
    const distinct = new Map(blockers.map((each) => [`${each.who}\0${each.why}`, each]))
    const sequence = this.#parts.trust.sequence()
    return { ...reply, blockers: [...distinct.values()].slice(0, BLOCKERS_MAX), sequence }
  }
}

async function askPeer(
  instance: string,
  link: PeerLink | undefined,
  ask: OwnStep,
): Promise<PeerReply> {
  try {
    if (link === undefined) throw new Error('there is no way to it')
    return await link.rotate(ask, PEER_STEP_MS_MAX)
  } catch (error) {
    const why = `${SILENT}: ${messageOf(error)}`.slice(0, 512)
    return { taken: false, done: false, blockers: [{ who: instance, why }], silent: instance }
  }
}

function blockersOf({ blockers }: OwnStepReply): Blocker[] {
  return blockers.map(({ who, why, serial, until }) => ({
    ...{ who, why },
    ...(serial !== undefined && { serial }),
    ...(until !== undefined && { until }),
  }))
}
