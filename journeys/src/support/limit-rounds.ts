import { anOrder, Door } from './door.ts'
import type { Platform } from './platform.ts'

/** What came of a burst within one second. */
export interface Round {
  readonly passed: number
  readonly refused: number
  /** Answers that are neither: there must be none. */
  readonly other: readonly number[]
  /** What the last answer said was left of the hour. */
  readonly hourLeft: number
}

/**
 * Sends bursts of `parallel` requests of one person, each at the start of a second and over connections enough to
 * reach every gateway. A burst that did not end within its second is not counted but made again: its requests
 * belong to two seconds. At most `rounds` × 3 bursts.
 */
export async function limitRounds(
  platform: Platform,
  token: string,
  options: { rounds: number; parallel: number },
): Promise<Round[]> {
  const door = new Door(platform.publicPort, platform.door.ca)
  // Connections are made before, so that a burst is not spent on handshakes.
  await Promise.all(
    Array.from({ length: options.parallel }, () => door.ask({ path: '/auth/jwks' })),
  )
  const rounds: Round[] = []
  for (let tries = 0; rounds.length < options.rounds && tries < options.rounds * 3; tries++) {
    await new Promise((done) => setTimeout(done, 1_030 - (Date.now() % 1_000)))
    const second = Math.floor(Date.now() / 1_000)
    const round = await burst(door, token, options.parallel)
    if (Math.floor(Date.now() / 1_000) === second) rounds.push(round)
  }
  door.close()
  return rounds
}

async function burst(door: Door, token: string, parallel: number): Promise<Round> {
  // A body that is refused after the limit was asked: what is counted here is who may knock.
  const ask = { path: '/orders', token, body: { ...anOrder(), currency: 'nonsense' } }
  const answers = await Promise.all(Array.from({ length: parallel }, () => door.ask(ask)))
  const count = (status: number): number =>
    answers.filter((answer) => answer.status === status).length
  return {
    passed: count(400),
    refused: count(429),
    other: answers
      .map((answer) => answer.status)
      .filter((status) => status !== 400 && status !== 429),
    hourLeft: Math.min(
      ...answers.map((answer) =>
        Number(answer.headers['x-ratelimit-remaining-hour'] ?? Number.POSITIVE_INFINITY),
      ),
    ),
  }
}
