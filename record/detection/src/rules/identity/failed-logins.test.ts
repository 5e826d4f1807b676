import { describe, expect, test } from 'vitest'
import { failedLogin, testEvent } from '../../testing/event.ts'
import { failedLogins } from './failed-logins.ts'

const MINUTE = 60_000
const watch = () => failedLogins.watch(undefined)

describe('repeated failed logins', () => {
  test('of one person, from ever new addresses, are found at the tenth', () => {
    const watcher = watch()
    const causes = Array.from({ length: 10 }, (_, i) =>
      watcher.observe(failedLogin(i * 1_000, 'ann', `10.0.0.${i}`), i * 1_000),
    )
    expect(causes.slice(0, 9).flat()).toEqual([])
    expect(causes[9]?.map(({ cause }) => cause)).toEqual(['person ann'])
  })
  test('from one address, for ever new people, are found at the thirtieth', () => {
    const watcher = watch()
    const found = Array.from({ length: 30 }, (_, i) =>
      watcher.observe(failedLogin(i * 100, `person ${i}`, '10.0.0.1'), i * 100),
    )
    expect(found.slice(0, 29).flat()).toEqual([])
    expect(found[29]?.map(({ cause }) => cause)).toEqual(['address 10.0.0.1'])
  })
  test('spread over a longer time are normal', () => {
    const watcher = watch()
    for (let i = 0; i < 100; i++) {
      const at = i * MINUTE
      expect(watcher.observe(failedLogin(at, 'ann', '10.0.0.1'), at)).toEqual([])
    }
  })
  test('that come late and all at once count when they happened', () => {
    const watcher = watch()
    for (let i = 0; i < 40; i++)
      expect(watcher.observe(failedLogin(i * MINUTE, 'ann', '10.0.0.1'), 90 * MINUTE)).toEqual([])
  })
  test('that were counted in one event count as many', () => {
    const flood = { ...failedLogin(0, 'ann', '10.0.0.1'), countersign: { repeated: 1_000_000 } }
    expect(watch().observe(flood, 0)).toHaveLength(2)
  })
  test('other refusals, and logins that succeed, do not count', () => {
    const watcher = watch()
    for (let i = 0; i < 50; i++) {
      const login = failedLogin(i, 'ann', '10.0.0.1')
      expect(watcher.observe({ ...login, status: 'success' }, i)).toEqual([])
      expect(watcher.observe({ ...login, action: 'token.issue' }, i)).toEqual([])
      expect(watcher.observe({ ...login, serviceName: 'order' }, i)).toEqual([])
      expect(watcher.observe(testEvent(i, { status: 'refused' }), i)).toEqual([])
    }
  })
})
