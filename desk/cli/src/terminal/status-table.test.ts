import { expect, test } from 'vitest'
import type { PlatformStatus } from '../supervisor/control-protocol.ts'
import { colours } from './colours.ts'
import { statusTable } from './status-table.ts'

const HOUR = 3_600_000
const process = (stale: boolean | undefined): PlatformStatus['processes'][number] => ({
  ...{ name: 'order-1', service: 'order', pid: 7, spiffeId: 'spiffe://a/service/order', port: 1 },
  ...{ health: 'ready', waitsFor: null, certificate: null, engine: null, restarts: 0 },
  trust:
    stale === undefined
      ? null
      : { sequence: 1, stale, nextUpdate: new Date(20 * HOUR).toISOString() },
})
const shown = (...processes: PlatformStatus['processes']): string => {
  const status = { processes, engines: [], authorityPages: [] } as unknown as PlatformStatus
  return statusTable(status, colours(false), 2 * HOUR)
}

test('status says how long the last list of revocations counts while no authority answers', () => {
  expect(shown(process(true), process(undefined))).toContain(
    '1 of 2 have no word from an authority; the last list of revocations counts for another 18 h',
  )
  expect(shown(process(false), process(undefined))).not.toContain('authority')
})

test('status says what a process waits for, safe for a terminal', () => {
  const waits = { ...process(false), waitsFor: 'the first \u001b[31mword' }
  expect(shown(waits)).toContain('order-1 waits for the first \\u{1b}[31mword')
})
