import { checkTarget } from './gate.ts'
import { assertClean, type Load, type LoadReport } from './load.ts'
import type { Algorithm } from './mint.ts'
import { type Program, startProgram } from './program.ts'
import { PROXY_CORE, type Session } from './session.ts'
import type { Target } from './targets.ts'

/** One thing that is measured of each target in each round. */
export interface Scenario {
  readonly alg: Algorithm
  /** `warm`: 1000 tokens in turn that were seen before; `new`: each request with one that nobody has seen. */
  readonly tokens: 'warm' | 'new'
  /** Requests per second; 0: closed loop, as fast as it goes. */
  readonly rate: number
}
export const nameOf = ({ alg, tokens, rate }: Scenario): string =>
  `${alg} ${tokens} ${rate === 0 ? 'closed' : rate}`

export interface Measured {
  readonly target: string
  readonly scenario: string
  readonly round: number
  /** CPU of the target for one request, all of its threads and processes. */
  readonly cpuMicros: number
  readonly report: LoadReport
}
export interface Plan {
  readonly scenarios: readonly Scenario[]
  readonly seconds: number
  readonly connections: number
  readonly warmUpRequests: number
  /** Requests of a closed loop with new tokens. */
  readonly newRequests: number
}

/** Tokens that nobody has seen, which one target needs in one round. */
export const newTokensOf = ({ scenarios, seconds, newRequests }: Plan): number =>
  scenarios
    .filter(({ tokens, alg }) => tokens === 'new' && alg === 'ES256')
    .reduce((sum, { rate }) => sum + (rate === 0 ? newRequests : rate * seconds), 1)

/** Starts a target, checks that it is right, warms it up, measures it in each scenario and stops it. */
export async function measureTarget(
  session: Session,
  target: Target,
  plan: Plan,
  round: number,
): Promise<Measured[]> {
  const { place } = session
  const program = await startProgram({
    ...{ core: PROXY_CORE, command: target.command(place), cwd: place.work, port: place.port },
  })
  try {
    if (round === 1) await assertRight(session, target)
    return await measureAll({ session, target, plan, round, program })
  } catch (error) {
    const said = program.said().slice(-1_000)
    throw new Error(`${target.name}: ${(error as Error).message}\n${said}`, { cause: error })
  } finally {
    await program.stop()
  }
}

async function assertRight({ place, mint }: Session, target: Target): Promise<void> {
  const { wrong, resets } = await checkTarget({ ...place, mint })
  if (wrong.length > 0) throw new Error(`does other work: ${wrong.join('; ')}`)
  if (resets > 0) console.log(`${target.name}: right, with ${resets} connections reset on the way`)
}

async function measureAll(parts: {
  readonly session: Session
  readonly target: Target
  readonly plan: Plan
  readonly round: number
  readonly program: Program
}): Promise<Measured[]> {
  const { session, target, plan, round, program } = parts
  const load = await session.load(plan.connections)
  try {
    await warmUp(session, load, plan)
    const measured: Measured[] = []
    let tokens = ''
    for (const scenario of plan.scenarios) {
      const file = session.tokens(scenario.alg, scenario.tokens)
      if (file !== tokens) await load.tokens(file)
      tokens = file
      const before = program.cpuNanos()
      const report = await load.run(runOf(scenario, plan))
      const cpuMicros = (program.cpuNanos() - before) / 1_000 / report.done
      const name = nameOf(scenario)
      assertClean(name, report)
      measured.push({ target: target.name, scenario: name, round, cpuMicros, report })
    }
    return measured
  } finally {
    await load.close()
  }
}

function runOf({ tokens, rate }: Scenario, { seconds, newRequests }: Plan) {
  if (tokens === 'new' && rate === 0) return { rate, requests: newRequests, wrap: false }
  return { rate, seconds, wrap: tokens === 'warm' }
}

/** A just-in-time compiler needs some thousand requests before it shows what it can do. */
export async function warmUp(session: Session, load: Load, plan: Plan): Promise<void> {
  for (const alg of new Set(plan.scenarios.map((each) => each.alg))) {
    await load.tokens(session.tokens(alg, 'warm'))
    const report = await load.run({ rate: 0, requests: plan.warmUpRequests, wrap: true })
    assertClean('warm-up', report)
  }
}
