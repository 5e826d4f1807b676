import type { ContractDescriptor } from '@countersign/contract'
import { describe, expect, test } from 'vitest'
import { NAMES_MAX } from '../limits.ts'
import { deregister } from './heartbeat.ts'
import { probeAfterMs, type ProbeResult } from './probed.ts'
import { encodeSnapshot, restore } from './snapshot.ts'
import { CONTRACTS, emptyState, topicOf } from './state.ts'
import { contractsOf, healthOf, indexOf, servicesOf } from './view.ts'
import fc from 'fast-check'
import { opened, Play } from './play.fixture.ts'

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
