import { setTimeout as sleep } from 'node:timers/promises'
import {
  type Client,
  contract,
  describe as describeContract,
  endpoint,
} from '@countersign/contract'
import type {
  HealthEntry,
  Registration,
  registry as registryContract,
} from '@countersign/contract/platform'
import { temporaryFolder, until } from '@countersign/ground/testkit'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  clientAs,
  startInstance,
  startRegistry,
  type TestInstance,
  type TestRegistry,
} from './testkit.ts'

let temporary: ReturnType<typeof temporaryFolder>
let registry: TestRegistry
let order: Client<typeof registryContract, any>
let payment: Client<typeof registryContract, any>
const running: { close(): Promise<void> }[] = []

beforeEach(async () => {
  temporary = temporaryFolder()
  registry = await startRegistry(temporary.path)
  order = clientAs('order', () => registry.port)
  payment = clientAs('payment', () => registry.port)
})
afterEach(async () => {
  for (const each of running.splice(0)) await each.close()
  await registry.close()
  temporary[Symbol.dispose]()
})

async function instanceOf(name: string): Promise<TestInstance> {
  const instance = await startInstance(name)
  running.push(instance)
  return instance
}
const registration = (
  id: string,
  port: number,
  more: Partial<Registration> = {},
): Registration => ({
  ID: id,
  Name: id.split('-')[0] ?? '',
  Address: '127.0.0.1',
  Port: port,
  Check: { TTL: '10s' },
  ...more,
})
type Query = { index?: number; wait?: string; passing?: string }
async function health(
  name: string,
  query: Query = { passing: '' },
): Promise<{ entries: HealthEntry[]; index: number }> {
  const reply = await payment.health({ params: { name }, query })
  expect(reply.status).toBe(200)
  return {
    entries: JSON.parse(String(reply.body)),
    index: Number(reply.headers?.['x-consul-index']),
  }
}
const ids = async (name: string): Promise<string[]> =>
  (await health(name)).entries.map((entry) => entry.Service.ID)
async function registered(id = 'order-1'): Promise<TestInstance> {
  const instance = await instanceOf('order')
  await order.register({ body: registration(id, instance.port) })
  await until(async () => (await ids('order')).includes(id), 'it is passing')
  return instance
}
const bodyOf = (reply: { body?: unknown }): any => JSON.parse(String(reply.body))

describe('an instance', () => {
  test('is passing soon after it registered, and told in the shape of Consul', async () => {
    const instance = await registered()
    const { entries } = await health('order')
    expect(entries).toEqual([
      {
        Node: { Node: '127.0.0.1', Address: '127.0.0.1', Datacenter: 'countersign' },
        Service: {
          ID: 'order-1',
          Service: 'order',
          Address: '127.0.0.1',
          Port: instance.port,
          Tags: [],
          Meta: {},
        },
        Checks: [
          {
            CheckID: 'service:order-1',
            Status: 'passing',
            Output: 'ready, identity proven',
            ServiceID: 'order-1',
            ServiceName: 'order',
          },
        ],
      },
    ])
    expect(bodyOf(await payment.services({ query: {} }))).toEqual({ order: [] })
    expect(registry.events.map((event) => event.action)).toContain('instance.passing')
  })

  test('says a bounded number of things of itself', async () => {
    const said = (count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, i) => [`k${i}`, 'v']))
    const body = (count: number) => ({ ...registration('order-1', 1), Meta: said(count) })
    expect((await order.register({ body: body(16) })).status).toBe(200)
    expect((await order.register({ body: body(17) })).status).toBe(400)
  })

  test('whose program has no /readyz is passing when it says so and answers with its certificate', async () => {
    const instance = await instanceOf('order')
    instance.state = 'unknown path'
    const said = registration('order-1', instance.port)
    const output = async () => (await health('order', {})).entries[0]?.Checks[0]?.Output
    await order.register({ body: said })
    await until(async () => (await output())?.includes('/readyz answered 404') === true, 'a look')
    expect(await ids('order')).toEqual([])
    await order.register({ body: { ...said, Meta: { ready: 'any answer' } } })
    await until(async () => (await ids('order')).length === 1, 'it is passing')
    expect(await output()).toBe('identity proven, answered 404')
    instance.state = 'draining'
    await until(async () => (await ids('order')).length === 0, 'its own failure counts')
  })

  test('that is somebody else never becomes passing', async () => {
    const other = await instanceOf('payment')
    await order.register({ body: registration('order-1', other.port) })
    const check = async () => (await health('order', {})).entries[0]?.Checks[0]
    await until(
      async () => (await check())?.Output === 'another identity listens there',
      'it is looked at',
    )
    expect((await check())?.Status).toBe('critical')
    expect(await ids('order')).toEqual([])
    const found = registry.events.find((event) => event.action === 'instance.impostor')
    expect(found?.event.category).toContain('intrusion_detection')
    expect(found?.event.reason).toBe('another identity listens there')
  })

  test('that is gone, drains or hangs becomes critical by itself, and passing again when it is back', async () => {
    const instance = await registered()
    instance.state = 'draining'
    await until(async () => (await ids('order')).length === 0, 'draining is seen')
    instance.state = 'ready'
    await until(async () => (await ids('order')).length === 1, 'it is back')
    instance.state = 'hung'
    await until(async () => (await ids('order')).length === 0, 'hanging is seen')
    instance.state = 'ready'
    await until(async () => (await ids('order')).length === 1, 'it is back')
    await instance.close()
    running.splice(0)
    await until(async () => (await ids('order')).length === 0, 'its end is seen')
    expect(await registry.metrics.text()).toContain(
      'countersign_registry_turns_total{service="order",turn="critical"} 3',
    )
  })
})

describe('blocking queries', () => {
  test('answer at the change', async () => {
    await registered()
    const { index } = await health('order')
    const waiting = health('order', { index, wait: '5m', passing: '' })
    await sleep(100)
    await order.deregister({ params: { id: 'order-1' } })
    const answered = await waiting
    expect(answered.entries).toEqual([])
    expect(answered.index).toBeGreaterThan(index)
  })

  test('sleep through changes of other names', async () => {
    await registered()
    const { index } = await health('user', {})
    const before = performance.now()
    const waiting = health('user', { index, wait: '400ms' })
    await order.deregister({ params: { id: 'order-1' } })
    expect((await waiting).index).toBe(index)
    expect(performance.now() - before).toBeGreaterThan(390)
  })

  test('answer at once without an index, with an old one, and with one from the future', async () => {
    await registered()
    const { index } = await health('order')
    for (const asked of [undefined, 0, index - 1, index + 1_000_000]) {
      const query = { wait: '5m', ...(asked === undefined ? {} : { index: asked }) }
      expect((await health('order', query)).index).toBe(index)
    }
  })

  test('leave nothing behind when the reader goes away', async () => {
    const { index } = await health('order')
    const gone = new AbortController()
    const asked = payment.health(
      { params: { name: 'order' }, query: { index } },
      { signal: gone.signal },
    )
    const failed = expect(asked).rejects.toThrow()
    await until(
      async () => (await registry.metrics.text()).includes('registry_waiters 1'),
      'it waits',
    )
    gone.abort()
    await failed
    await until(
      async () => (await registry.metrics.text()).includes('registry_waiters 0'),
      'it waits no more',
    )
  })

  test('are answered when the registry stops', async () => {
    const { index } = await health('order')
    const waiting = health('order', { index, wait: '5m' })
    await until(
      async () => (await registry.metrics.text()).includes('registry_waiters 1'),
      'it waits',
    )
    await registry.built.drain?.()
    expect((await waiting).index).toBe(index)
  })
})

describe('claims on what belongs to others', () => {
  test('are refused with a problem, a metric and an audit event', async () => {
    const instance = await registered()
    const refused = [
      await payment.register({ body: registration('order-2', instance.port) }),
      await payment.deregister({ params: { id: 'order-1' } }),
      await payment.pass({ params: { id: 'order-1' } }),
      await payment.publish({ params: { name: 'order' }, body: opened('order', '/orders') }),
    ]
    expect(refused.map((reply) => reply.status)).toEqual([403, 403, 403, 403])
    expect(bodyOf(refused[1] ?? {})).toMatchObject({
      code: 'CALLER_FORBIDDEN',
      detail: 'This instance belongs to another workload.',
    })
    const claims = registry.events.filter((event) => event.action === 'registry.claim')
    expect(claims.map((event) => event.client?.workload)).toEqual(Array(4).fill('payment'))
    expect(claims[1]?.countersign?.rule).toContain('belongs to order, not to payment')
    expect(await ids('order')).toEqual(['order-1'])
    const metrics = await registry.metrics.text()
    expect(metrics).toContain('countersign_registry_refusals_total{reason="ID_NOT_YOURS"} 2')
  })

  test('on a public path are refused with 409 that says which', async () => {
    expect(
      (await order.publish({ params: { name: 'order' }, body: opened('order', '/orders') })).status,
    ).toBe(200)
    const reply = await payment.publish({
      params: { name: 'payment' },
      body: opened('payment', '/orders/pay'),
    })
    expect(reply.status).toBe(409)
    expect(bodyOf(reply).detail).toContain(
      '/orders/pay of endpoint "read" belongs to another service',
    )
    expect(registry.events.at(-1)?.event.code).toBe('PATH_TAKEN')
  })

  test('an address elsewhere is 400, an unknown instance 404', async () => {
    const away = registration('order-1', 80, { Address: '192.0.2.1' })
    expect((await order.register({ body: away })).status).toBe(400)
    expect((await order.pass({ params: { id: 'order-9' } })).status).toBe(404)
    expect((await order.deregister({ params: { id: 'order-9' } })).status).toBe(404)
  })
})

describe('a restart', () => {
  test('keeps contracts, and tells of instances only when they have proven themselves anew', async () => {
    await registered('order-1')
    const second = await registered('order-2')
    await order.publish({ params: { name: 'order' }, body: opened('order', '/orders') })
    const before = await health('order')
    await registry.close()
    await second.close()
    registry = await startRegistry(temporary.path)
    const after = await health('order')
    expect(after.entries.map((entry) => entry.Service.ID)).toEqual(['order-1'])
    expect(after.index).toBeGreaterThan(before.index)
    expect((await order.pass({ params: { id: 'order-1' } })).status).toBe(200)
    const [published] = bodyOf(await payment.contracts({ query: { recurse: '' } }))
    expect(JSON.parse(Buffer.from(published.Value, 'base64').toString()).service).toBe('order')
  })

  test('without a readable snapshot begins anew', async () => {
    await registered()
    await registry.close()
    await import('node:fs/promises').then((fs) =>
      fs.writeFile(`${temporary.path}/registry.json`, '{"half'),
    )
    registry = await startRegistry(temporary.path)
    expect(await ids('order')).toEqual([])
    expect((await order.pass({ params: { id: 'order-1' } })).status).toBe(404)
    const reply = await payment.contracts({ query: { recurse: '' } })
    expect([reply.status, reply.headers?.['x-consul-index']]).toEqual([404, '1'])
  })
})

test('settings that nobody can read are all named at once', async () => {
  const { part } = await import('./part.ts')
  const env = { REGISTRY_ADDRESSES: '10.0.0.0/40, a b' }
  const all = /COUNTERSIGN_STATE[\s\S]*10\.0\.0\.0\/40[\s\S]*a b/
  await expect(part.create({} as never, env)).rejects.toThrow(all)
})

function opened(name: string, path: string): unknown {
  const read = endpoint({
    at: `GET ${path}` as 'GET /x',
    callers: ['gateway'],
    roles: 'anyone',
    limit: '5/second per person',
  })
  return describeContract(contract(name, { read }) as never)
}
