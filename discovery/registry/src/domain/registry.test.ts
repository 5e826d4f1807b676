import {
  contract,
  type ContractDescriptor,
  describe as describeContract,
  endpoint,
} from '@countersign/contract'
import type { Registration } from '@countersign/contract/platform'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isRefused, type Refused } from '../errors.ts'
import { INSTANCES_PER_NAME_MAX, NAMES_MAX, REMOVE_AFTER_MS, TICK_MS } from '../limits.ts'
import { type AllowAddress, allowAddresses } from './check-address.ts'
import { deregister, heartbeat } from './heartbeat.ts'
import { probeAfterMs, probed, type ProbeResult } from './probed.ts'
import { publish } from './publish.ts'
import { register } from './register.ts'
import { encodeSnapshot, restore } from './snapshot.ts'
import { CONTRACTS, emptyState, keyOf, type Outcome, type RegistryState, topicOf } from './state.ts'
import { tick } from './tick.ts'
import { contractsOf, healthOf, indexOf, servicesOf } from './view.ts'

const allow = allowAddresses([]) as AllowAddress
const registration = (id: string, more: Partial<Registration> = {}): Registration => ({
  ID: id,
  Name: id.split('-')[0] ?? '',
  Address: '127.0.0.1',
  Port: 4000 + Number(id.split('-')[1] ?? 0),
  Check: { TTL: '10s' },
  ...more,
})

/** Plays inputs one after the other, and keeps what came of them. */
class Play {
  state: RegistryState = emptyState(0)
  now = 0
  effects: Outcome['effects'] = []
  refused: Refused | undefined

  do(rule: (state: RegistryState, now: number) => Outcome | Refused): this {
    const outcome = rule(this.state, this.now)
    this.refused = isRefused(outcome) ? outcome : undefined
    this.effects = isRefused(outcome) ? [] : outcome.effects
    if (!isRefused(outcome)) this.state = outcome.state
    return this
  }
  register(id: string, more: Partial<Registration> = {}, caller = id.split('-')[0] ?? ''): this {
    const ask = { caller, registration: registration(id, more), allow }
    return this.do((state, now) => register(state, ask, now))
  }
  probe(id: string, found: ProbeResult['found']): this {
    const key = keyOf(id.split('-')[0] ?? '', id)
    const generation = this.state.instances.get(key)?.generation ?? 0
    const result = { found, output: found }
    return this.do((state, now) => probed(state, { key, generation, result }, now))
  }
  beat(id: string, caller = id.split('-')[0] ?? ''): this {
    return this.do((state, now) => heartbeat(state, { caller, id }, now))
  }
  /** Lets time go by in ticks. */
  wait(ms: number, beating: readonly string[] = []): this {
    for (const end = this.now + ms; this.now < end; ) {
      this.now += TICK_MS
      for (const id of beating) this.beat(id)
      this.do(tick)
    }
    return this
  }
  publish(descriptor: unknown, caller: string, name = caller): this {
    return this.do((state) => publish(state, { caller, name, value: descriptor }))
  }
  passing(name: string): string[] {
    return healthOf(this.state, name, true).map((entry) => entry.Service.ID)
  }
  get kinds(): string[] {
    return this.effects.map((effect) => effect.kind)
  }
}

describe('an instance', () => {
  test('is told to readers only after it has proven itself', () => {
    const play = new Play().register('order-1')
    expect(play.kinds).toContain('probe')
    expect(play.passing('order')).toEqual([])
    expect(healthOf(play.state, 'order', false)).toHaveLength(1)
    expect(play.probe('order-1', 'ready').passing('order')).toEqual(['order-1'])
    expect(play.kinds).toEqual(['changed', 'passing', 'save'])
  })

  test.each(['busy', 'refused', 'impostor'] as const)(
    'becomes critical at once when found %s',
    (found) => {
      const play = new Play().register('order-1').probe('order-1', 'ready').probe('order-1', found)
      expect(play.passing('order')).toEqual([])
      expect(play.kinds).toContain('critical')
      expect(play.kinds.includes('impostor')).toBe(found === 'impostor')
      expect(play.probe('order-1', 'ready').passing('order')).toEqual(['order-1'])
    },
  )

  test('survives one failed probe, and not two in a row', () => {
    const play = new Play().register('order-1').probe('order-1', 'ready').probe('order-1', 'failed')
    expect(play.passing('order')).toEqual(['order-1'])
    expect(play.probe('order-1', 'failed').passing('order')).toEqual([])
  })

  test('that flaps with every other probe wakes no reader', () => {
    const play = new Play().register('order-1').probe('order-1', 'ready')
    const index = indexOf(play.state, 'order')
    for (let i = 0; i < 20; i++) play.probe('order-1', i % 2 === 0 ? 'failed' : 'ready')
    expect(indexOf(play.state, 'order')).toBe(index)
    expect(play.passing('order')).toEqual(['order-1'])
  })

  test('is not proven by an answer to a probe of its former address', () => {
    const play = new Play().register('order-1')
    const { generation } = play.state.instances.get('order/order-1') ?? { generation: -1 }
    play.register('order-1', { Port: 9999 })
    const result = { found: 'ready', output: '' } as const
    play.do((state, now) => probed(state, { key: 'order/order-1', generation, result }, now))
    expect(play.passing('order')).toEqual([])
  })

  test('stays passing when it registers again at the same address, and begins anew at another', () => {
    const play = new Play().register('order-1').probe('order-1', 'ready').register('order-1')
    expect(play.passing('order')).toEqual(['order-1'])
    expect(play.register('order-1', { Port: 9999 }).passing('order')).toEqual([])
  })

  test('takes the place of an older one of its name at the same address', () => {
    const play = new Play().register('order-1', { Port: 5000 }).register('order-2', { Port: 5000 })
    expect(healthOf(play.state, 'order', false).map((entry) => entry.Service.ID)).toEqual([
      'order-2',
    ])
  })
})

describe('a heartbeat', () => {
  test('keeps an instance passing; its lapse makes it critical, its return passing again', () => {
    const play = new Play().register('order-1').probe('order-1', 'ready')
    expect(play.wait(60_000, ['order-1']).passing('order')).toEqual(['order-1'])
    expect(play.wait(9_500).passing('order')).toEqual(['order-1'])
    expect(play.wait(1_000).passing('order')).toEqual([])
    expect(healthOf(play.state, 'order', false)[0]?.Checks[0]?.Output).toMatch(/heartbeat/)
    expect(play.beat('order-1').passing('order')).toEqual(['order-1'])
  })

  test('alone makes nobody passing', () => {
    const play = new Play().register('order-1').wait(30_000, ['order-1'])
    expect(play.passing('order')).toEqual([])
  })

  test('changes nothing that a reader can see', () => {
    const play = new Play().register('order-1').probe('order-1', 'ready')
    const { index } = play.state
    play.wait(5_000, ['order-1'])
    expect(play.state.index).toBe(index)
  })

  test('that was missing for long removes the instance, after which it must register again', () => {
    const play = new Play().register('order-1').probe('order-1', 'ready')
    play.wait(10_000 + REMOVE_AFTER_MS - 2_000)
    expect(play.state.instances.size).toBe(1)
    play.wait(5_000)
    expect(play.state.instances.size).toBe(0)
    expect(play.beat('order-1').refused?.refused).toBe('ID_UNKNOWN')
  })

  test('is excused while the registry itself stood still', () => {
    const play = new Play().register('order-1').probe('order-1', 'ready').wait(2_000, ['order-1'])
    play.now += 10 * 60_000
    expect(play.do(tick).passing('order')).toEqual(['order-1'])
    expect(play.wait(9_000).passing('order')).toEqual(['order-1'])
    expect(play.wait(2_000).passing('order')).toEqual([])
  })
})

describe('claims on what belongs to others are refused', () => {
  test('a name', () => {
    const play = new Play().register('order-1', {}, 'payment')
    expect(play.refused).toMatchObject({ refused: 'NAME_NOT_YOURS' })
    expect(play.state.instances.size).toBe(0)
  })

  test('an id: it can neither be deregistered nor kept alive nor replaced by another name', () => {
    const play = new Play().register('order-1').probe('order-1', 'ready')
    play.do((state) => deregister(state, { caller: 'payment', id: 'order-1' }))
    expect(play.refused?.refused).toBe('ID_NOT_YOURS')
    expect(play.beat('order-1', 'payment').refused?.refused).toBe('ID_NOT_YOURS')
    play.register('order-1', { Name: 'payment', Port: 9999 }, 'payment')
    expect(play.refused).toBeUndefined()
    expect(healthOf(play.state, 'order', true)[0]?.Service.Port).toBe(4001)
    expect(healthOf(play.state, 'payment', true)).toEqual([])
    play.do((state) => deregister(state, { caller: 'payment', id: 'order-1' }))
    expect(play.passing('order')).toEqual(['order-1'])
  })

  test.each([
    '10.0.0.1',
    '0.0.0.0',
    '::',
    'localhost',
    'example.org',
    '169.254.169.254',
    '127.1',
    '::ffff:10.0.0.1',
  ])('an address that is not allowed: %s', (Address) => {
    expect(new Play().register('order-1', { Address }).refused?.refused).toBe('ADDRESS_NOT_ALLOWED')
  })

  test.each(['127.0.0.1', '127.9.9.9', '::1'])('the loopback is allowed: %s', (Address) => {
    expect(new Play().register('order-1', { Address }).refused).toBeUndefined()
  })

  test.each(['0s', '301s'])('a time to live of %s', (TTL) => {
    expect(new Play().register('order-1', { Check: { TTL } }).refused?.refused).toBe(
      'TTL_NOT_ALLOWED',
    )
  })

  test('more room than there is', () => {
    const play = new Play()
    for (let i = 1; i <= INSTANCES_PER_NAME_MAX; i++) play.register(`order-${i}`)
    expect(play.refused).toBeUndefined()
    expect(play.register('order-100').refused?.refused).toBe('TOO_MANY')
    expect(play.register('order-1').refused).toBeUndefined()
    expect(play.register('user-1').refused).toBeUndefined()
  })
})

test("the operator's list allows addresses, networks and names, and is checked", () => {
  const more = allowAddresses([
    '10.0.0.0/8',
    '192.0.2.7',
    'fd00::/8',
    'Orders.internal',
  ]) as AllowAddress
  for (const good of ['10.1.2.3', '192.0.2.7', 'fd00::1', 'orders.internal', '127.0.0.1'])
    expect(more(good), good).toBe(true)
  for (const bad of ['11.0.0.1', '192.0.2.8', 'fe80::1', 'other.internal'])
    expect(more(bad), bad).toBe(false)
  expect(allowAddresses(['10.0.0.0/33', 'a b', 'x/8', '10.0.0.0/8/8'])).toEqual({
    unreadable: ['10.0.0.0/33', 'a b', 'x/8', '10.0.0.0/8/8'],
  })
})

const opened = (service: string, ...paths: string[]): ContractDescriptor =>
  describeContract(
    contract(
      service,
      Object.fromEntries(
        paths.map((path, i) => [
          `e${i}`,
          endpoint({
            at: `GET ${path}` as '/',
            callers: ['gateway'],
            roles: 'anyone',
            limit: '5/second per person',
          } as never),
        ]),
      ),
    ) as never,
  )

describe('a contract', () => {
  test('is kept and told to readers, and the same one again changes nothing', () => {
    const play = new Play().publish(opened('order', '/orders', '/orders/:id'), 'order')
    expect(play.effects).toContainEqual({ kind: 'changed', topic: CONTRACTS })
    const [entry] = contractsOf(play.state)
    expect(entry).toMatchObject({ Key: 'contracts/order', ModifyIndex: play.state.contractsIndex })
    expect(JSON.parse(Buffer.from(entry?.Value ?? '', 'base64').toString()).service).toBe('order')
    expect(play.publish(opened('order', '/orders', '/orders/:id'), 'order').effects).toEqual([])
  })

  test.each([
    ['another first segment', opened('user', '/users'), undefined],
    ['a path of another service', opened('user', '/orders/mine'), 'PATH_TAKEN'],
    ['a path of another service in other letters', opened('user', '/Orders'), 'PATH_TAKEN'],
    ['the paths of the identity provider', opened('user', '/auth/token'), 'PATH_RESERVED'],
    ['the paths of the console', opened('user', '/console'), 'PATH_RESERVED'],
    ['what every workload answers', opened('user', '/metrics'), 'PATH_RESERVED'],
    ['all paths, by a parameter', opened('user', '/:all'), 'PATH_RESERVED'],
    ['all paths, by a wildcard', opened('user', '/*'), 'PATH_RESERVED'],
    ['the root', opened('user', '/'), 'PATH_RESERVED'],
    ['a contract of another name', opened('payment', '/payments'), 'NAME_NOT_YOURS'],
    ['what is no contract', { service: 'user', endpoints: 'all' }, 'CONTRACT_INVALID'],
    ['nothing', undefined, 'CONTRACT_INVALID'],
  ])('asks for %s', (_, descriptor, refused) => {
    const play = new Play().publish(opened('order', '/orders'), 'order').publish(descriptor, 'user')
    expect(play.refused?.refused).toBe(refused)
    expect(play.state.contracts.size).toBe(refused === undefined ? 2 : 1)
  })

  test('cannot be published for another service, nor at its place', () => {
    const play = new Play().publish(opened('order', '/orders'), 'evil', 'order')
    expect(play.refused?.refused).toBe('NAME_NOT_YOURS')
  })

  test('keeps its paths while no instance of its service runs, and lets go what it no longer names', () => {
    const play = new Play().register('order-1').publish(opened('order', '/orders'), 'order')
    play.do((state) => deregister(state, { caller: 'order', id: 'order-1' }))
    expect(play.publish(opened('user', '/orders'), 'user').refused?.refused).toBe('PATH_TAKEN')
    play.publish(opened('order', '/purchases'), 'order')
    expect(play.publish(opened('user', '/orders'), 'user').refused).toBeUndefined()
  })

  test('between services alone may use any path but the operational ones', () => {
    const inner = (path: string): ContractDescriptor => {
      const [first, ...rest] = opened('user', path).endpoints
      return {
        service: 'user',
        endpoints: [{ ...(first as (typeof rest)[0] & object), callers: ['order'] }],
      } as ContractDescriptor
    }
    const play = new Play().publish(opened('order', '/orders'), 'order')
    expect(play.publish(inner('/orders/x'), 'user').refused).toBeUndefined()
    expect(play.publish(inner('/healthz'), 'user').refused?.refused).toBe('PATH_RESERVED')
  })

  test('identity may publish below /auth', () => {
    expect(new Play().publish(opened('identity', '/auth/*'), 'identity').refused).toBeUndefined()
  })
})

describe('indexes', () => {
  test('belong to one name, so that a change of one wakes no reader of another', () => {
    const play = new Play().register('order-1').register('user-1')
    const before = indexOf(play.state, 'user')
    play.probe('order-1', 'ready')
    expect(play.effects).toContainEqual({ kind: 'changed', topic: topicOf('order') })
    expect(indexOf(play.state, 'user')).toBe(before)
    expect(indexOf(play.state, 'order')).toBe(play.state.index)
  })

  test('never go back, whatever happens', () => {
    const names = ['order-1', 'order-2', 'user-1']
    const step = fc.tuple(
      fc.constantFrom(...names),
      fc.constantFrom('register', 'beat', 'leave', 'wait', 'ready', 'failed', 'refused'),
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const play = new Play()
        let last = { order: 0, user: 0, all: 0 }
        for (const [id, what] of steps) {
          const [caller = ''] = id.split('-')
          if (what === 'register') play.register(id)
          else if (what === 'beat') play.beat(id)
          else if (what === 'leave') play.do((state) => deregister(state, { caller, id }))
          else if (what === 'wait') play.wait(7_000)
          else play.probe(id, what as ProbeResult['found'])
          const next = {
            order: indexOf(play.state, 'order'),
            user: indexOf(play.state, 'user'),
            all: play.state.index,
          }
          expect(next.order >= last.order && next.user >= last.user && next.all >= last.all).toBe(
            true,
          )
          for (const { status, proof, heartbeatAt, ttlMs } of play.state.instances.values())
            if (status === 'passing')
              expect(proof === 'proven' && play.now - heartbeatAt <= ttlMs).toBe(true)
          last = next
        }
      }),
    )
  })

  test('of names that are gone are forgotten at some time, and then count as changed', () => {
    const play = new Play().register('order-1').register('ghost-1')
    play.do((state) => deregister(state, { caller: 'ghost', id: 'ghost-1' }))
    const told = indexOf(play.state, 'ghost')
    for (let i = 0; i < NAMES_MAX; i++) {
      play.register(`n${i}-1`)
      play.do((state) => deregister(state, { caller: `n${i}`, id: `n${i}-1` }))
    }
    expect(play.state.nameIndexes.size).toBeLessThanOrEqual(NAMES_MAX)
    expect(play.state.nameIndexes.has('order')).toBe(true)
    expect(indexOf(play.state, 'ghost')).toBeGreaterThan(told)
  })
})

test('the catalog lists names with their tags', () => {
  const play = new Play()
    .register('user-1', { Tags: ['b'] })
    .register('user-2', { Tags: ['a', 'b'] })
    .register('order-1')
  expect(servicesOf(play.state)).toEqual({ order: [], user: ['a', 'b'] })
})

describe('a snapshot', () => {
  test('brings back contracts and where instances were, but not that they were healthy', () => {
    const play = new Play()
      .register('order-1', { Tags: ['x'], Meta: { a: 'b' } })
      .probe('order-1', 'ready')
    play.publish(opened('order', '/orders'), 'order')
    const text = encodeSnapshot(play.state)
    const restored = restore(text, 5)
    expect(restored?.effects).toEqual([{ kind: 'probe', key: 'order/order-1' }])
    const state = restored?.state ?? emptyState(0)
    expect(healthOf(state, 'order', true)).toEqual([])
    expect(healthOf(state, 'order', false)[0]?.Service).toMatchObject({
      ID: 'order-1',
      Tags: ['x'],
      Meta: { a: 'b' },
    })
    expect(contractsOf(state)).toEqual(contractsOf(play.state))
    expect(indexOf(state, 'order')).toBeGreaterThan(play.state.index)
    expect(indexOf(state, 'never-heard-of')).toBeGreaterThan(play.state.index)
    play.state = state
    expect(play.publish(opened('user', '/orders'), 'user').refused?.refused).toBe('PATH_TAKEN')
    expect(play.probe('order-1', 'ready').passing('order')).toEqual(['order-1'])
  })

  test.each([
    '',
    '{',
    'null',
    '{"version":2}',
    '{"version":1,"index":-1,"instances":[],"contracts":[]}',
  ])('that cannot be read is none: %s', (text) => {
    expect(restore(text, 0)).toBeUndefined()
  })
})

test('a failed probe is repeated soon, and less and less often', () => {
  const waits = [0, 1, 2, 3, 4, 9].map((failures) => probeAfterMs({ failures, proof: 'proven' }))
  expect(waits).toEqual([2_000, 250, 500, 1_000, 2_000, 2_000])
})
