import {
  trustStateSchema,
  type RotationKind,
  type RotationStep,
} from '@countersign/contract/platform'
import { z } from 'zod'
import { AuthorityError } from '../errors.ts'
import type { Store } from '../store/store.ts'
import type { Branch, Trail } from './domain/branches.ts'
import type { Intermediates } from './domain/trust-state.ts'
import { GONE_MAX, STEPS_MAX } from './limits.ts'

/** What is known of trust, with the trail of the roots. */
export interface Known {
  readonly branch: Branch
  readonly authorities: Readonly<Record<string, Intermediates>>
}
/** One step of a rotation, as it is remembered. */
export interface StepRecord {
  readonly at: number
  readonly kind: RotationKind
  readonly step: RotationStep
  /** `desk`, another authority that asked, or `schedule`. */
  readonly actor: string
  /** Blockers that were passed over on the actor's word. */
  readonly without: readonly string[]
  /** Of the bundle, after the step. */
  readonly sequence: number
}
interface Change {
  readonly at: number
  readonly known: Known
  readonly step?: StepRecord | undefined
  /** Keys that are destroyed with this change. */
  readonly gone?: readonly string[]
  /** Keys that are back: their root was kept by another branch. */
  readonly back?: readonly string[]
}

export const trailSchema: z.ZodType<Trail> = z.record(
  z.string().regex(/^[0-9]{1,16}$/),
  z.string().regex(/^[0-9a-f]{64}$/),
)

/** The rows of trust in the store of an authority. */
export interface TrustStore {
  /** `undefined` at the first start. Throws `AuthorityError` PKI_DAMAGED. */
  read(): Known | undefined
  /** Durable on return, as a whole. */
  write(change: Change): Promise<void>
  isGone(id: string): boolean
  /** The newest first. */
  steps(limit: number): StepRecord[]
}

export function openTrustStore(store: Store): TrustStore {
  const sql = prepareStatements(store)
  return {
    read: () => readKnown(sql.read.get()),
    isGone: (id) => sql.isGone.get(id) !== undefined,
    write: ({ at: now, known, step, gone = [], back = [] }) =>
      store.write(() => {
        const { branch, authorities } = known
        const state = JSON.stringify({ roots: branch.roots, authorities })
        sql.write.run(state, JSON.stringify(branch.trail))
        for (const id of back) sql.back.run(id)
        for (const id of gone) sql.gone.run(id, now)
        if (gone.length > 0) sql.forgetGone.run(GONE_MAX)
        if (step === undefined) return
        const { at, kind, actor, without, sequence } = step
        sql.step.run(at, kind, step.step, actor, JSON.stringify(without), sequence)
        sql.forgetSteps.run(STEPS_MAX)
      }),
    steps: (limit) => sql.steps.all(limit).map(readStep),
  }
}

function prepareStatements({ db }: Store) {
  return {
    read: db.prepare('SELECT state, trail FROM trust_state'),
    write: db.prepare('INSERT OR REPLACE INTO trust_state (one, state, trail) VALUES (1, ?, ?)'),
    isGone: db.prepare('SELECT 1 FROM trust_gone WHERE id = ?'),
    gone: db.prepare('INSERT OR REPLACE INTO trust_gone (id, at) VALUES (?, ?)'),
    back: db.prepare('DELETE FROM trust_gone WHERE id = ?'),
    forgetGone: db.prepare(
      'DELETE FROM trust_gone WHERE id NOT IN (SELECT id FROM trust_gone ORDER BY at DESC LIMIT ?)',
    ),
    step: db.prepare(
      'INSERT INTO trust_step (at, kind, step, actor, without, sequence) VALUES (?, ?, ?, ?, ?, ?)',
    ),
    forgetSteps: db.prepare(
      'DELETE FROM trust_step WHERE number <= (SELECT max(number) FROM trust_step) - ?',
    ),
    steps: db.prepare(
      'SELECT at, kind, step, actor, without, sequence FROM trust_step ORDER BY number DESC LIMIT ?',
    ),
  }
}

function readKnown(row: Record<string, unknown> | undefined): Known | undefined {
  if (row === undefined) return undefined
  try {
    const { roots, authorities } = trustStateSchema.parse(JSON.parse(String(row.state)))
    const trail = trailSchema.parse(JSON.parse(String(row.trail)))
    return { branch: { roots, trail }, authorities }
  } catch (cause) {
    throw new AuthorityError('PKI_DAMAGED', 'the state of trust in the store cannot be read', {
      cause,
    })
  }
}

function readStep(row: Record<string, unknown>): StepRecord {
  return {
    at: Number(row.at),
    kind: row.kind as RotationKind,
    step: row.step as RotationStep,
    actor: String(row.actor),
    without: JSON.parse(String(row.without)) as string[],
    sequence: Number(row.sequence),
  }
}
