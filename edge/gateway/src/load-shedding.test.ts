import { until } from '@countersign/ground/testkit'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Answer, type Ask, ask } from './testing/client.ts'
import { House, type Running } from './testing/house.ts'
import { kongPlugin, kongRoute, kongService } from './testing/kong-entities.ts'
import { Seen, testPlugin } from './testing/test-plugins.ts'
import type { UpstreamServer } from './testing/upstream-server.ts'

let house: House
let door: Running
let legacy: UpstreamServer
/** How long each request takes the process, in milliseconds. */
let burnMs: number
beforeEach(async () => {
  house = await House.build()
  burnMs = 0
})
afterEach(() => house.close())

const get = (path: string, more: Partial<Ask> = {}): Promise<Answer> =>
  ask({ port: door.port, ca: house.pki.bundle, path, ...more })

/** What each request costs, as a plugin of the user's own might: the process can do nothing else meanwhile. */
const burning = {
  ...testPlugin(new Seen(), 'burn', 800),
  create: () => ({
    access: () => {
      for (const end = performance.now() + burnMs; performance.now() < end; );
    },
  }),
}

async function start(env: Record<string, string>): Promise<void> {
  legacy = await house.service('legacy-1')
  const service = kongService('legacy')
  const route = kongRoute(service, { name: 'open', paths: ['/open'], tags: ['public'] })
  const closed = kongRoute(service, { name: 'closed', paths: ['/closed'] })
  door = await house.gateway({ GATEWAY_QUEUE_MS_MAX: '20', ...env }, [burning])
  await house.configure({
    services: [service],
    routes: [route, closed],
    plugins: [
      kongPlugin('burn', { service }),
      kongPlugin('rate-limiting', {}, { second: 1_000_000, policy: 'local' }),
    ],
  })
}
const isOverloaded = ({ status, body }: Answer): boolean =>
  status === 503 && body.includes('OVERLOADED')

// Connections by the hundred, made while the process has no time for them.
describe('more requests than can be done', { timeout: 120_000 }, () => {
  it('are refused in part, strangers before those whom we know, until it is over', async () => {
    await start({})
    burnMs = 40
    const token = house.tokens.token()
    const refused: { who: string; answer: Answer }[] = []
    let over = false
    const crowd = (who: string, path: string, more: Partial<Ask> = {}) =>
      Array.from({ length: 12 }, async () => {
        while (!over) {
          const answer = await get(path, more)
          if (isOverloaded(answer)) refused.push({ who, answer })
          else expect(answer.status).toBe(200)
        }
      })
    const all = [...crowd('stranger', '/open'), ...crowd('known', '/closed', { token })]
    await until(() => refused.length > 0, 'somebody is refused', 60_000)
    over = true
    await Promise.all(all)
    expect(refused[0]?.who).toBe('stranger')
    expect(refused[0]?.answer.headers['retry-after']).toBe('1')
    // Shed load is counted, and not stored.
    expect(JSON.stringify(door.events)).not.toContain('OVERLOADED')
    expect(await door.metrics.text()).toMatch(
      /countersign_refusals_total\{code="OVERLOADED"\} [1-9]/,
    )
    burnMs = 0
    await until(async () => (await get('/open')).status === 200, 'it is over', 30_000)
  })

  it('for one service are refused where they wait for its connections', async () => {
    await start({ GATEWAY_CONNECTIONS_PER_TARGET_MAX: '2' })
    const held: (() => void)[] = []
    legacy.handler = (_seen, response) => {
      held.push(() => void response.end('{}'))
    }
    // Both connections to the one instance are busy, and more requests wait for them.
    const refused: Answer[] = []
    const passed: Answer[] = []
    const more = (count: number) =>
      Array.from({ length: count }, async () => {
        const answer = await get('/open')
        if (isOverloaded(answer)) refused.push(answer)
        else passed.push(answer)
      })
    const waiting = more(3)
    await until(() => held.length === 2, 'both connections are busy', 30_000)
    await until(
      () => {
        waiting.push(...more(1))
        return refused.length > 0
      },
      'one is refused',
      60_000,
    )
    expect(refused[0]?.headers['retry-after']).toBe('1')
    legacy.handler = (_seen, response) => void response.end('{}')
    for (const answer of held.splice(0)) answer()
    await Promise.all(waiting)
    expect(new Set(passed.map(({ status }) => status))).toEqual(new Set([200]))
  })
})
