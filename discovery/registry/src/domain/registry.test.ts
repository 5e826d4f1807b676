import { describe, expect, test } from 'vitest'
import { INSTANCES_PER_NAME_MAX, REMOVE_AFTER_MS } from '../limits.ts'
import { type AllowAddress, allowAddresses } from './check-address.ts'
import { deregister } from './heartbeat.ts'
import { probed } from './probed.ts'
import { tick } from './tick.ts'
import { healthOf, indexOf } from './view.ts'
import { Play } from './play.fixture.ts'

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
