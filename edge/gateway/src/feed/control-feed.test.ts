import type { ControlConfiguration } from '@countersign/contract/platform'
import { createLog } from '@countersign/ground/telemetry'
import { until } from '@countersign/ground/testkit'
import { afterEach, expect, it, vi } from 'vitest'
import { FEED_FIRST_MS_MAX } from '../limits.ts'
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

it('begins without a configuration only where nothing was kept', async () => {
  vi.useFakeTimers()
  const first = follow({})
  await vi.advanceTimersByTimeAsync(FEED_FIRST_MS_MAX)
  expect(first.known).toBe(true)
  first.close()

  const read = async (): Promise<never> => {
    throw new Error('not authentic')
  }
  const lost = follow({ keeper: { ...KEEPS_NOTHING, read } })
  await vi.advanceTimersByTimeAsync(10 * FEED_FIRST_MS_MAX)
  expect(lost.known).toBe(false)
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
  expect(behind.known).toBe(false)
  newest = version(2)
  await until(() => behind.known && behind.applied === 2, 'the next one is served')
})
