import { anOrder, type Answer, Door } from './door.ts'
import type { Platform } from './platform.ts'

/** What came of a burst. */
export interface Round {
  readonly passed: number
  readonly refused: number
  /** Answers that are neither: there must be none. */
  readonly other: readonly number[]
  /** How many seconds of the clock the burst touched. */
  readonly seconds: number
}

/** What came of all bursts. */
export interface Rounds {
  /** Bursts that began and ended in one second. */
  readonly within: readonly Round[]
  /** Bursts that ran over: their requests belong to several seconds, and were made again. */
  readonly over: readonly Round[]
  /** For each hour in which something passed: how much passed, and how much the answers said to be used. */
  readonly hours: readonly { readonly passed: number; readonly used: number }[]
}

const HOUR_MS = 3_600_000

/**
 * Sends bursts of `parallel` requests of one person, each at the start of a second and over connections enough to
 * reach every gateway, until `rounds` of them fell within one second. Ends at the latest after 10 × `rounds` bursts.
 */
export async function limitRounds(
  platform: Platform,
  token: string,
  options: { rounds: number; parallel: number },
): Promise<Rounds> {
  const door = new Door(platform.publicPort, platform.door.ca)
  // Connections are made before, so that a burst is not spent on handshakes.
  await Promise.all(
    Array.from({ length: options.parallel }, () => door.ask({ path: '/auth/jwks' })),
  )
  const within: Round[] = []
  const over: Round[] = []
  const hours = new Map<number, { passed: number; used: number }>()
  for (let tries = 0; within.length < options.rounds && tries < options.rounds * 10; tries++) {
    await new Promise((done) => setTimeout(done, 1_030 - (Date.now() % 1_000)))
    const second = Math.floor(Date.now() / 1_000)
    const answers = await burst(door, token, options.parallel)
    const seconds = Math.floor(Date.now() / 1_000) - second + 1
    const kind = seconds === 1 ? within : over
    kind.push(roundOf(answers, seconds))
    countHours(answers, hours)
  }
  door.close()
  return { within, over, hours: [...hours.values()] }
}

const PASSED = 400

function burst(door: Door, token: string, parallel: number): Promise<Answer[]> {
  // A body that is refused after the limit was asked: what is counted here is who may knock.
  const ask = { path: '/orders', token, body: { ...anOrder(), currency: 'nonsense' } }
  return Promise.all(Array.from({ length: parallel }, () => door.ask(ask)))
}

function roundOf(answers: readonly Answer[], seconds: number): Round {
  const statuses = answers.map((answer) => answer.status)
  return {
    passed: statuses.filter((status) => status === PASSED).length,
    refused: statuses.filter((status) => status === 429).length,
    other: statuses.filter((status) => status !== PASSED && status !== 429),
    seconds,
  }
}

/** To which hour an answer belongs is told by the answer: the hour that ends when it says. */
function countHours(
  answers: readonly Answer[],
  hours: Map<number, { passed: number; used: number }>,
): void {
  for (const { status, headers } of answers) {
    const [, left, ends] = /"hour";r=(\d+);t=(\d+)/.exec(String(headers.ratelimit)) ?? []
    if (status !== PASSED || left === undefined) continue
    const hour = Math.round((Date.now() + Number(ends) * 1_000) / HOUR_MS)
    const counted = hours.get(hour) ?? { passed: 0, used: 0 }
    const used = Number(headers['x-ratelimit-limit-hour']) - Number(left)
    hours.set(hour, { passed: counted.passed + 1, used: Math.max(counted.used, used) })
  }
}
