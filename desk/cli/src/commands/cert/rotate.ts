import type { Blocker, RotationKind, RotationStep } from '@countersign/contract/platform'
import { type Authorities, authoritiesOf, NobodyAnswers } from '../../authorities/authorities.ts'
import { blockerLines } from '../../authorities/blocker-lines.ts'
import { type RotationEnd, rotate, type StepAnswer, stepsLeft } from '../../authorities/rotation.ts'
import type { Desk } from '../../desk.ts'
import { DeskError } from '../../errors.ts'
import { EXIT, type ExitCode } from '../../exit-codes.ts'
import { ROTATION_LOOK_MS, WAITED_FOR_SHOWN } from '../../limits.ts'
import { durationOption } from '../../options.ts'
import { onStopSignals } from '../../supervisor/stop-signals.ts'
import { createProgress } from '../../terminal/progress.ts'
import { printable } from '../../terminal/printable.ts'

export interface RotateOptions {
  readonly step?: string
  readonly dryRun?: boolean
  readonly without?: readonly string[]
  readonly timeout: string
  readonly json?: boolean
}
const STEPS = ['prepare', 'activate', 'retire', 'rollback'] as const

/**
 * The commands `cert rotate-root` and `cert rotate-intermediate`. Without `--step`: what is left of a whole rotation,
 * waiting for the evidence that each step asks for. With it: that step, now or not at all.
 * 0 when all was taken, 1 with every blocker otherwise.
 */
export async function rotateKind(
  desk: Desk,
  kind: RotationKind,
  options: RotateOptions,
): Promise<ExitCode> {
  const step = stepOf(options.step)
  const timeoutMs = durationOption('--timeout', options.timeout)
  const authorities = authoritiesOf(desk)
  const steps =
    step === undefined
      ? stepsLeft(kind, await authorities.ask((client) => client.quorum()))
      : [step]
  if (options.dryRun === true) return dryRun(desk, { authorities, kind, steps, options })
  const taken: (StepAnswer & { step: RotationStep })[] = []
  const progress = createProgress(desk.output)
  const stopping = new AbortController()
  const forget = onStopSignals({ first: () => stopping.abort(), second: () => stopping.abort() })
  const watch = waitWatch((text) => progress.step(text))
  try {
    const end = await rotate({
      steps,
      attempt: (each) => attempt(authorities, { kind, step: each, options }),
      timeoutMs: step === undefined ? timeoutMs : 0,
      lookMs: ROTATION_LOOK_MS,
      signal: stopping.signal,
      onWait: watch,
      onTaken: (each, answer) => {
        progress.clear()
        taken.push({ step: each, ...answer })
        desk.output.note(takenLine(each, answer))
      },
    })
    progress.clear()
    return report(desk, end, { kind, taken, options })
  } finally {
    progress.clear()
    forget()
  }
}

function stepOf(text: string | undefined): RotationStep | undefined {
  const step = STEPS.find((each) => each === text)
  if (text === undefined || step !== undefined) return step
  throw new DeskError('USAGE', `--step is one of ${STEPS.join(', ')}, not ${JSON.stringify(text)}`)
}

interface Attempt {
  readonly kind: RotationKind
  readonly step: RotationStep
  readonly options: RotateOptions
}

async function attempt(
  authorities: Authorities,
  { kind, step, options }: Attempt,
): Promise<StepAnswer | undefined> {
  const { without = [], dryRun = false } = options
  const body = {
    kind,
    step,
    ...(dryRun ? { dryRun } : {}),
    ...(without.length === 0 ? {} : { without: [...without] }),
  }
  try {
    return await authorities.ask((client) => client.rotate({ body }))
  } catch (error) {
    if (error instanceof NobodyAnswers && !dryRun) return undefined
    throw error
  }
}

/** The first step that is left is judged; those behind it depend on evidence that is not there yet. */
async function dryRun(
  desk: Desk,
  facts: {
    authorities: Authorities
    kind: RotationKind
    steps: readonly RotationStep[]
    options: RotateOptions
  },
): Promise<ExitCode> {
  const [step = 'prepare'] = facts.steps
  const answer = await attempt(facts.authorities, { ...facts, step })
  const blockers = answer?.blockers ?? []
  const { output } = desk
  if (options(facts).json === true) output.json({ kind: facts.kind, step, dryRun: true, ...answer })
  else if (blockers.length > 0)
    output.line(
      [`${step} would be refused:`, ...blockerLines(blockers, output.colours, Date.now())].join(
        '\n',
      ),
    )
  else
    output.line(
      answer?.done === true ? `${step}: there is nothing to do` : `${step} would be taken`,
    )
  return blockers.length > 0 ? EXIT.failed : EXIT.ok
}
const options = (facts: { options: RotateOptions }): RotateOptions => facts.options

/** Says what is waited for, whenever that changes. */
function waitWatch(
  say: (text: string) => void,
): (step: RotationStep, blockers: readonly Blocker[] | undefined) => void {
  let before = ''
  return (step, blockers) => {
    const whom = blockers === undefined ? 'an authority that answers' : whoOf(blockers)
    const text = printable(`${step} waits for ${whom}`)
    if (text !== before) say(text)
    before = text
  }
}

/** The reason of one; of many only their names. */
function whoOf(blockers: readonly Blocker[]): string {
  const names = [...new Set(blockers.map(({ who }) => who))]
  const [first] = blockers
  if (first !== undefined && names.length === 1) return `${first.who}: ${first.why}`
  const shown = names.slice(0, WAITED_FOR_SHOWN).join(', ')
  const more = names.length - WAITED_FOR_SHOWN
  return `${names.length}: ${shown}${more > 0 ? ` and ${more} more` : ''}`
}

function takenLine(step: RotationStep, { done, taken, sequence }: StepAnswer): string {
  if (!taken && done) return `${step}: was done before`
  return `${step}: done (sequence ${sequence})`
}

interface Reported {
  readonly kind: RotationKind
  readonly taken: readonly (StepAnswer & { step: RotationStep })[]
  readonly options: RotateOptions
}

function report(desk: Desk, end: RotationEnd, { kind, taken, options }: Reported): ExitCode {
  const { output } = desk
  if (options.json === true) {
    const steps = taken.map(({ step, sequence, ...answer }) => ({
      step,
      sequence,
      before: !answer.taken,
    }))
    output.json({ kind, ...end, steps })
  } else if (end.end === 'done') output.line(doneLine(kind, options))
  else output.line(openLines(desk, end, { kind, options }).join('\n'))
  return end.end === 'done' ? EXIT.ok : EXIT.failed
}

function doneLine(kind: RotationKind, { step }: RotateOptions): string {
  return step === undefined ? `The ${kind} is rotated. See: countersign cert ls` : `${step}: done`
}

function openLines(
  desk: Desk,
  end: RotationEnd & { end: 'late' | 'stopped' },
  { kind, options }: Pick<Reported, 'kind' | 'options'>,
): readonly string[] {
  const { colours } = desk.output
  const why =
    end.end === 'stopped'
      ? `stopped before ${end.step}; what was taken stays, and nothing is in danger`
      : options.step === undefined
        ? `${end.step} could not be taken within ${options.timeout}; what was taken stays`
        : `${end.step} is refused`
  return [
    colours.red(why),
    ...blockerLines(end.blockers, colours, Date.now()),
    `Go on with: countersign cert rotate-${kind}`,
    ...(end.step === 'rollback' || end.step === 'prepare'
      ? []
      : [`Go back with: countersign cert rotate-${kind} --step rollback`]),
  ]
}
