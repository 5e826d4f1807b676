import { expect, it } from 'vitest'
import { TURNED_AWAY_SOURCES_MAX } from './limits.ts'
import { type TurnedAway, turnedAwayEvent, TurnedAwaySum } from './turned-away.ts'

const at = { door: 'balancer', code: 'RATE_LIMITED', rule: 'connection: so many' } as const

it('sums up by source, and tells each once', () => {
  const told: TurnedAway[] = []
  const sum = new TurnedAwaySum((each) => told.push(each))
  for (const address of ['192.0.2.1', '192.0.2.2', '192.0.2.1']) sum.add('source', address)
  sum.add('handshake', '192.0.2.1')
  sum.flush()
  sum.flush()
  expect(told.map(({ why, address, connections }) => [why, address, connections])).toEqual([
    ['source', '192.0.2.1', 2],
    ['source', '192.0.2.2', 1],
    ['handshake', '192.0.2.1', 1],
  ])
})

it('tells sources without end together', () => {
  const told: TurnedAway[] = []
  const sum = new TurnedAwaySum((each) => told.push(each))
  for (let i = 0; i < 2 * TURNED_AWAY_SOURCES_MAX; i++) sum.add('source', `source ${i}`)
  sum.flush()
  expect(told).toHaveLength(TURNED_AWAY_SOURCES_MAX + 1)
  const others = { why: 'source', address: undefined, connections: TURNED_AWAY_SOURCES_MAX }
  expect(told.at(-1)).toEqual(others)
  expect(turnedAwayEvent(others, at)).toMatchObject({
    ...{ action: 'balancer.connection', status: 'refused', event: { code: 'RATE_LIMITED' } },
    countersign: { details: { connections: String(TURNED_AWAY_SOURCES_MAX) } },
  })
  expect(turnedAwayEvent(others, at).client).toBeUndefined()
})
