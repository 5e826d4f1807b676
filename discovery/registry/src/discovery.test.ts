import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  type Client,
  contract,
  describe as describeContract,
  endpoint,
} from '@countersign/contract'
import type { registry as registryContract } from '@countersign/contract/platform'
import { createLog, Metrics } from '@countersign/ground/telemetry'
import { temporaryFolder, until } from '@countersign/ground/testkit'
import {
  createRegistrar,
  createResolver,
  type Registrar,
  type Resolver,
} from '@countersign/service/discovery'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  clientAs,
  startInstance,
  startRegistry,
  type TestInstance,
  type TestRegistry,
} from './testkit.ts'

/* The SDK's side of discovery against a registry that is real but for TLS. */
let temporary: ReturnType<typeof temporaryFolder>
let registry: TestRegistry
let resolver: Resolver
let metrics: Metrics
let asked: string[]
const lines: string[] = []
const log = createLog({
  service: 's',
  node: 's',
  destination: { write: (line) => void lines.push(line) },
})
const running: { close(): Promise<void> }[] = []
const seed = { name: 'order', host: '127.0.0.1', port: 9 }

beforeEach(async () => {
  temporary = temporaryFolder()
  registry = await startRegistry(temporary.path)
  asked = []
  lines.length = 0
  metrics = new Metrics()
  resolver = createResolver({
    seeds: [seed],
    registry: noting(clientAs('gateway', () => registry.port)),
    log,
    metrics,
  })
})
afterEach(async () => {
  for (const each of running.splice(0)) await each.close()
  resolver.close()
  await registry.close()
  temporary[Symbol.dispose]()
})

/** Notes what was asked, on the way to the real registry. */
function noting(
  client: Client<typeof registryContract, any>,
): Client<typeof registryContract, any> {
  return new Proxy(client, {
    get: (target: any, name) => (input: any, options: any) => {
      asked.push(`${String(name)} ${input?.params?.name ?? ''} ${input?.query?.index ?? ''}`.trim())
      return target[name](input, options)
    },
  })
}

const described = (path: string): any =>
  describeContract(
    contract('order', {
      list: endpoint({
        at: `GET ${path}` as 'GET /x',
        callers: ['gateway'],
        roles: 'anyone',
        limit: '5/second per person',
      }),
    }) as never,
  )
async function instanceOf(name: string): Promise<TestInstance> {
  const instance = await startInstance(name)
  running.push(instance)
  return instance
}
function registrarOf(
  port: number,
  more: { id?: string; path?: string; ttl?: string; portOf?: () => number } = {},
): Registrar {
  const registrar = createRegistrar({
    registry: clientAs('order', more.portOf ?? (() => registry.port)),
    registration: {
      ID: more.id ?? 'order-1',
      Name: 'order',
      Address: '127.0.0.1',
      Port: port,
      Check: { TTL: more.ttl ?? '10s' },
    },
    descriptor: described(more.path ?? '/orders'),
    log,
  })
  running.unshift(registrar)
  return registrar
}
const ports = (): number[] =>
  resolver
    .instances('order')
    .current()
    .map(({ Service }) => Service.Port)

describe('a resolver', () => {
  test('knows seeds first, then what the registry tells, and seeds again when there is nobody', async () => {
    const watch = resolver.instances('order')
    expect([ports(), watch.stale]).toEqual([[9], true])
    await watch.first
    expect([ports(), watch.stale]).toEqual([[9], false])
    const instance = await instanceOf('order')
    const registrar = registrarOf(instance.port)
    await registrar.start()
    await until(() => ports()[0] === instance.port, 'the instance is known')
    await registrar.close()
    await until(() => ports()[0] === 9, 'the seed is back')
  })

  test('shares one watch a name, and ends it with its last user', async () => {
    const watches = Array.from({ length: 20 }, () => resolver.instances('order'))
    await watches[0]?.first
    await until(() => asked.length === 2, 'the long poll is out')
    expect(asked).toEqual(['health order', 'health order 1'])
    for (const watch of watches.slice(1)) watch.close()
    watches[1]?.close()
    const instance = await instanceOf('order')
    await registrarOf(instance.port).start()
    await until(
      () => watches[0]?.current()[0]?.Service.Port === instance.port,
      'it goes on for the one',
    )
    watches[0]?.close()
    await until(
      async () => (await registry.metrics.text()).includes('countersign_registry_waiters 0'),
      'nobody waits',
    )
  })

  test('tells of a change at once', async () => {
    const watch = resolver.instances('order')
    const instance = await instanceOf('order')
    const registrar = registrarOf(instance.port)
    await registrar.start()
    await until(() => ports()[0] === instance.port, 'the instance is known')
    const changed = new Promise<void>((resolve) => watch.onChange(resolve))
    await registrar.close()
    await changed
  })

  test('keeps the last state while the registry is away, and catches up when it is back', async () => {
    const watch = resolver.instances('order')
    const first = await instanceOf('order')
    await registrarOf(first.port).start()
    await until(() => ports()[0] === first.port, 'the instance is known')
    const { port } = registry
    let changes = 0
    watch.onChange(() => {
      changes += 1
    })
    await registry.close()
    await until(() => watch.stale, 'it is stale')
    expect(ports()).toEqual([first.port])
    expect(await metrics.text()).toContain('countersign_discovery_stale{watch="order"} 1')
    registry = await startRegistry(temporary.path, port)
    await until(() => !watch.stale, 'it is fresh again')
    expect([ports(), changes]).toEqual([[first.port], 0])
  })

  test('follows a registry that lost its state, whose indexes begin anew', async () => {
    resolver.instances('order')
    const instance = await instanceOf('order')
    // The instance hears of the new one later than the resolver, or nobody could see that it knows nobody.
    let isReachable = true
    const portOf = (): number => (isReachable ? registry.port : 1)
    await registrarOf(instance.port, { ttl: '2s', portOf }).start()
    await until(() => ports()[0] === instance.port, 'the instance is known')
    isReachable = false
    using other = temporaryFolder()
    const { port } = registry
    await registry.close()
    registry = await startRegistry(other.path, port)
    await until(() => ports()[0] === 9, 'it knows that the registry knows nobody')
    isReachable = true
    await until(() => ports()[0] === instance.port, 'the instance registered itself again')
  })

  test('gives the published contracts, one by one checked', async () => {
    const watch = resolver.contracts()
    await watch.first
    expect(watch.current()).toEqual([])
    const instance = await instanceOf('order')
    await registrarOf(instance.port).start()
    await until(() => watch.current().length === 1, 'the contract is known')
    expect(watch.current()).toEqual([described('/orders')])
  })

  test('ends its requests when it is closed', async () => {
    await resolver.instances('order').first
    await until(() => asked.length === 2, 'the long poll is out')
    resolver.close()
    await until(
      async () => (await registry.metrics.text()).includes('registry_waiters 0'),
      'nobody waits',
    )
  })
})

describe('a registrar', () => {
  test('keeps its instance alive over many times to live', async () => {
    const instance = await instanceOf('order')
    const registrar = registrarOf(instance.port, { ttl: '3s' })
    await registrar.start()
    expect([registrar.registered, registrar.problem]).toEqual([true, undefined])
    resolver.instances('order')
    await until(() => ports()[0] === instance.port, 'the instance is known')
    // Seven seconds in which this process, with registry and registrar in it, was never held up for longer than a beat.
    let last = performance.now()
    for (let began = last; last < began + 7_000; ) {
      await sleep(50)
      const now = performance.now()
      if (now - last < 1_000) expect(ports()).toEqual([instance.port])
      else {
        began = now
        await until(() => ports()[0] === instance.port, 'the instance is known again')
      }
      last = now
    }
  })

  test('never throws while the registry is away, and registers when it comes', async () => {
    const { port } = registry
    await registry.close()
    const instance = await instanceOf('order')
    const registrar = registrarOf(instance.port)
    await registrar.start()
    expect(registrar.registered).toBe(false)
    registry = await startRegistry(temporary.path, port)
    await until(() => registrar.registered, 'it is registered')
  })

  test('says once, clearly, what the registry refuses', async () => {
    const other = clientAs('payment', () => registry.port)
    const body = { ...described('/orders'), service: 'payment' }
    expect((await other.publish({ params: { name: 'payment' }, body })).status).toBe(200)
    const instance = await instanceOf('order')
    const registrar = registrarOf(instance.port, { ttl: '1s' })
    await registrar.start()
    expect(registrar.problem).toMatch(
      /publishing the contract was refused: .*belongs to another service/,
    )
    await sleep(1_500)
    expect(
      lines.filter((line) => line.includes('publishing the contract was refused')),
    ).toHaveLength(1)
    resolver.instances('order')
    await until(() => ports()[0] === instance.port, 'its instance is known all the same')
  })

  test('waits for a registry that hangs for a bounded time, and not at all when it stops', async () => {
    const silent = createServer(() => {})
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
    const signals: AbortSignal[] = []
    const client = clientAs('order', () => (silent.address() as AddressInfo).port)
    const register: typeof client.register = (input, options) => {
      if (options?.signal !== undefined) signals.push(options.signal)
      return client.register(input, options)
    }
    const registrar = createRegistrar({
      registry: { ...client, register },
      registration: {
        ID: 'order-1',
        Name: 'order',
        Address: '127.0.0.1',
        Port: 1,
        Check: { TTL: '10s' },
      },
      descriptor: described('/orders'),
      log,
    })
    await registrar.start()
    await until(() => signals.length > 1, 'it asks again')
    await registrar.close()
    // The end of what was under way was the wish to stop, and not the end of its time.
    expect(signals.at(-1)?.reason).toMatchObject({ name: 'AbortError' })
    silent.closeAllConnections()
    silent.close()
  })
})
