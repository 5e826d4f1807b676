import { anOrder } from './door.ts'
import type { Platform } from './platform.ts'

/** Steady traffic of people through every hop, and what came of it. */
export interface Traffic {
  readonly sent: () => number
  /** Orders that were answered with 201. */
  readonly placed: () => number
  readonly failures: readonly { readonly at: Date; readonly what: string }[]
  stop(): Promise<void>
}

const PEOPLE = ['customer', 'admin'] as const
const TOKEN_LIFE_MS = 200_000

/**
 * Each person places an order a second and reads `readsPerSecond` times: their orders, themselves, the keys of the
 * provider. Every answer that is not the expected one is a failure.
 */
export async function startTraffic(
  platform: Platform,
  options: { readsPerSecond: number },
): Promise<Traffic> {
  const failures: { at: Date; what: string }[] = []
  const tokens = new Map<string, { token: string; until: number }>()
  let sent = 0
  let placed = 0
  let running = true
  const tokenOf = async (person: string): Promise<string> => {
    const known = tokens.get(person)
    if (known !== undefined && Date.now() < known.until) return known.token
    const token = await platform.token(person)
    tokens.set(person, { token, until: Date.now() + TOKEN_LIFE_MS })
    return token
  }
  for (const person of PEOPLE) await tokenOf(person)
  const expect = async (
    status: number,
    what: string,
    ask: () => Promise<{ status: number; text: string }>,
  ): Promise<void> => {
    sent += 1
    const answer = await ask().catch((error: Error) => ({ status: 0, text: error.message }))
    if (answer.status === status) placed += what === 'place' ? 1 : 0
    else
      failures.push({
        at: new Date(),
        what: `${what}: ${answer.status} ${answer.text.slice(0, 300)}`,
      })
  }
  const every = async (ms: number, act: (turn: number) => Promise<void>): Promise<void> => {
    for (let turn = 0; running; turn++) {
      const next = Date.now() + ms
      await act(turn)
      await new Promise((done) => setTimeout(done, Math.max(0, next - Date.now())))
    }
  }
  const renewing = every(5_000, async () => {
    for (const person of PEOPLE)
      await tokenOf(person).catch((error: Error) =>
        failures.push({ at: new Date(), what: `login: ${error.message.slice(0, 300)}` }),
      )
  })
  const ways = PEOPLE.flatMap((person) => [
    every(1_000, () =>
      expect(201, 'place', () =>
        platform.ask({ path: '/orders', token: tokens.get(person)?.token, body: anOrder() }),
      ),
    ),
    every(1_000 / options.readsPerSecond, (turn) => {
      const path = ['/orders', '/users/me', '/auth/jwks'][turn % 3] ?? '/orders'
      return expect(200, path, () =>
        platform.ask({
          path,
          token: path === '/auth/jwks' ? undefined : tokens.get(person)?.token,
        }),
      )
    }),
  ])
  return {
    sent: () => sent,
    placed: () => placed,
    failures,
    stop: async () => {
      running = false
      await Promise.all([renewing, ...ways])
    },
  }
}
