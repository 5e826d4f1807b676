import type { Blocker, RotationKind, RotationStep } from '@countersign/contract/platform'
import { messageOf } from '@countersign/ground/errors'
import type { Span } from '@countersign/ground/x509'
import { BACKDATE_MS } from '../limits.ts'
import { spanOf } from '../pki/create-ca.ts'
import { nextStep } from './domain/next-step.ts'
import { activeRoot, sectionOf } from './domain/trust-state.ts'
import {
  BLOCKERS_TOLD_EVERY_MS,
  RENEW_SHARE,
  ROOT_NEARLY_ENDED_SHARE,
  SCHEDULE_EVERY_MS,
} from './limits.ts'
import { upOf } from './sight.ts'
import type { Rotation } from './rotation.ts'
import type { RotationParts } from './rotation-parts.ts'

type OnBlockers = (kind: RotationKind, step: RotationStep, blockers: number) => void
const ASKER = { actor: 'schedule' } as const

/**
 * Rotates what is in the last third of its life: each authority its own intermediate, and the one with the lowest name of
 * those that are up the root. It goes through the same gates as everybody, and comes back every few seconds. In either
 * mode it makes what is missing, as soon as the key for it is there.
 */
export class Schedule {
  readonly #parts: RotationParts
  readonly #rotation: Rotation
  readonly #told = new Map<RotationKind, { text: string; at: number }>()
  readonly #onBlockers: OnBlockers
  #timer: NodeJS.Timeout | undefined
  #running: Promise<void> = Promise.resolve()
  #closed = false

  constructor(options: {
    parts: RotationParts
    rotation: Rotation
    /** How many stand in the way of what the schedule wants. */
    onBlockers: OnBlockers
  }) {
    this.#parts = options.parts
    this.#rotation = options.rotation
    this.#onBlockers = options.onBlockers
  }

  start(): void {
    this.#timer = setTimeout(
      () => {
        this.#running = this.tick().then(() => {
          if (!this.#closed) this.start()
        })
      },
      SCHEDULE_EVERY_MS * (0.75 + Math.random() / 2),
    )
    this.#timer.unref()
  }

  async close(): Promise<void> {
    this.#closed = true
    clearTimeout(this.#timer)
    await this.#running
  }

  /** One look, and the steps that are due. Never rejects. */
  async tick(): Promise<void> {
    const { trust } = this.#parts
    const { log } = trust.options
    try {
      await trust.readFiles()
      await trust.reconcile()
      if (trust.options.rotation === 'manual') return
      await this.#look('intermediate', this.#intermediateStep())
      const [lowest] = upOf(this.#parts).toSorted()
      if (lowest === trust.instance) await this.#look('root', this.#rootStep())
    } catch (err) {
      log.error({ err }, `the schedule of rotations failed: ${messageOf(err)}`)
    }
  }

  #rootStep(): RotationStep | undefined {
    const { trust, now } = this.#parts
    const { entries } = trust.state().roots
    const lifetimeMs = trust.options.lifetimes.rootMs
    return nextStep(entries, {
      isDue: ({ certificate }) => isDue(spanOf(certificate), now()),
      helps: (active) => helps(spanOf(active.certificate).notAfter, now() + lifetimeMs, lifetimeMs),
    })
  }

  #intermediateStep(): RotationStep | undefined {
    const { trust, now } = this.#parts
    const state = trust.state()
    const root = activeRoot(state.roots)
    if (root === undefined) return undefined
    const own = sectionOf(state, trust.instance)?.entries ?? []
    const { intermediateMs: lifetimeMs, leafMs } = trust.options.lifetimes
    const end = Math.min(now() + lifetimeMs, spanOf(root.certificate).notAfter)
    return nextStep(
      own.filter((entry) => entry.root === root.id),
      {
        // In time for leaves that live as long as they should, whatever an operator has set.
        isDue: ({ certificate }) => isDue(spanOf(certificate), now(), 2 * leafMs),
        helps: (active) => helps(spanOf(active.certificate).notAfter, end, lifetimeMs),
      },
    )
  }

  async #look(kind: RotationKind, step: RotationStep | undefined): Promise<void> {
    if (step === undefined) return this.#onBlockers(kind, 'prepare', 0)
    const dry = await this.#take(kind, step, true)
    this.#onBlockers(kind, step, dry.blockers.length)
    if (dry.blockers.length > 0) return this.#tell(kind, step, dry.blockers)
    if (!dry.done) await this.#take(kind, step, false)
  }

  #take(kind: RotationKind, step: RotationStep, dryRun: boolean) {
    const ask = { kind, step, dryRun }
    return kind === 'root' ? this.#rotation.rotate(ask, ASKER) : this.#rotation.own(ask, ASKER)
  }

  #tell(
    kind: RotationKind,
    step: RotationStep,
    blockers: readonly { readonly who: string; readonly why: string }[],
  ): void {
    const { trust, events, now } = this.#parts
    const text = `${step} ${blockers.map(({ who }) => who).join()}`
    const told = this.#told.get(kind)
    if (told?.text === text && now() - told.at < BLOCKERS_TOLD_EVERY_MS) return
    this.#told.set(kind, { text, at: now() })
    const named = blockers.slice(0, 8).map(({ who, why }) => `${who}: ${why}`)
    trust.options.log.warn({ kind, step, blockers: named }, 'a rotation is due and cannot go on')
    events.refused({ kind, step }, ASKER, blockers as readonly Blocker[])
  }
}

/** Less than a third of its life is left; that it starts a little in the past does not make it longer. */
function isDue({ notBefore, notAfter }: Span, now: number, leftMsMin = 0): boolean {
  const lifetimeMs = notAfter - notBefore - 2 * BACKDATE_MS
  return notAfter - now < Math.max(lifetimeMs * RENEW_SHARE, leftMsMin)
}

/** Whether a new one would last noticeably longer than the one that is there. */
function helps(end: number, newEnd: number, lifetimeMs: number): boolean {
  return newEnd - end >= lifetimeMs * ROOT_NEARLY_ENDED_SHARE
}
