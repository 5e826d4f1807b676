import type { Blocker, RotationKind, RotationStep } from '@countersign/contract/platform'
import type { StepRecord } from './trust-store.ts'

/** Who asked for a step, and how to find the request again. */
export interface StepAsker {
  /** `desk`, the instance of another authority, or `schedule`. */
  readonly actor: string
  readonly requestId?: string | undefined
}
/** Something that an authority did by itself. */
type OwnAct =
  | { readonly act: 'intermediate.make' | 'key.destroy'; readonly id: string }
  | { readonly act: 'trust.mend'; readonly sequence: number; readonly roots: readonly string[] }

/** What becomes of trust, told as it happens. Nothing here throws but `taking`. */
export interface TrustEvents {
  /** Before a step is taken. Resolves when it is on record; rejects where it cannot be recorded, and then it is not taken. */
  taking(step: StepRecord, asker: StepAsker): Promise<void>
  /** A step that was recorded and could not be taken after all. */
  failed(step: StepRecord, asker: StepAsker, error: unknown): void
  refused(
    step: { readonly kind: RotationKind; readonly step: RotationStep },
    asker: StepAsker,
    blockers: readonly Blocker[],
  ): void
  acted(act: OwnAct): void
  /** An intermediate should be there and cannot be made. */
  missing(root: string, why: string): void
  /** Another authority said what makes no sense. */
  malformed(from: string, topic: string, error: unknown): void
}
