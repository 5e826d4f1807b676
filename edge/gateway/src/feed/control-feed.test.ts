import type { ControlConfiguration } from '@countersign/contract/platform'
import { createLog } from '@countersign/ground/telemetry'
import { until } from '@countersign/ground/testkit'
import { afterEach, expect, it, vi } from 'vitest'
import { ControlFeed, type FeedOptions } from './control-feed.ts'
import { KEEPS_NOTHING } from './kept-configuration.ts'

const log = createLog({ service: 'gateway', node: 'gateway-1', level: 'silent' })
const nobody = (): Promise<never> => new Promise(() => {})
const version = (number: number): ControlConfiguration => ({
  ...{ version: number, config: {}, overrides: [] },
})
let feed: ControlFeed | undefined
afterEach(() => {
  feed?.close()
  vi.useRealTimers()
})
function follow(options: Partial<FeedOptions>): ControlFeed {
  feed = new ControlFeed({ ask: nobody, keeper: KEEPS_NOTHING, apply: () => [], log, ...options })
  return feed
}

it('never begins without a configuration, and says what it waits for', async () => {
  vi.useFakeTimers()
  const first = follow({})
  const away = follow({ ask: () => Promise.reject(new Error('nobody is there')) })
  const read = async (): Promise<never> => {
    throw new Error('not authentic')
  }
  const lost = follow({ keeper: { ...KEEPS_NOTHING, read } })
  await vi.advanceTimersByTimeAsync(600_000)
  for (const each of [first, away, lost]) {
    expect([each.known, each.waitsFor]).toEqual([
      false,
      expect.stringContaining('first configuration'),
    ])
    each.close()
  }
  expect(away.waitsFor).toMatch(/away/)
})

it('does not begin with a configuration that cannot be served', async () => {
  const told: (string | undefined)[] = []
  let newest = version(1)
  const behind = follow({
    ask: async ({ fault }) => {
      told.push(fault)
      return newest
    },
    apply: (configuration) => (configuration.version === 1 ? ['unheard of'] : []),
  })
  await until(() => told.includes('unheard of'), 'the fault is told')
  expect([behind.known, behind.waitsFor]).toEqual([
    false,
    'a configuration that can be served: unheard of',
  ])
  newest = version(2)
  await until(() => behind.known && behind.applied === 2, 'the next one is served')
  expect(behind.waitsFor).toBeUndefined()
})
