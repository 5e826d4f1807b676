import { createLog } from '@countersign/ground/telemetry'
import { temporaryFolder, until } from '@countersign/ground/testkit'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { HOLDER_CHECK_MS, HOLDER_TRUSTED_MS } from '../limits.ts'
import { ask, openControl, sealKey, type TestControl } from '../testing/open-control.ts'
import { ControlStore } from '../store/control-store.ts'
import { AdminKeys } from './admin-keys.ts'
import { Holders } from './holders.ts'

/* Keys of the Admin API do not outlive the role that they were given for. */
const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
  vi.useRealTimers()
})
async function opened(): Promise<TestControl> {
  const folder = temporaryFolder()
  closers.push(() => folder[Symbol.dispose]())
  const control = await openControl(folder.path)
  closers.push(() => control.close())
  return control
}

describe.each([
  ['is withdrawn', ['support']],
  ['goes with a closed account', 'closed'],
] as const)('a role that %s', (_how, people) => {
  test('ends the keys of who had it, for good and on record', async () => {
    const control = await opened()
    expect((await ask(control, 'GET /services')).status).toBe(200)
    control.people = people
    await until(async () => (await ask(control, 'GET /services')).status === 401, 'the key ends')
    const [ended] = control.events.filter(({ action }) => action === 'admin-key.revoke')
    expect(ended).toMatchObject({ userId: 'u-1', status: 'success' })
    expect(ended?.countersign?.details).toMatchObject({ keys: 1 })
    control.people = ['admin']
    const answer = await ask(control, 'GET /services')
    expect([answer.status, answer.body]).toEqual([401, { message: 'Unauthorized' }])
  })
  test('gets no key with a token of before', async () => {
    const control = await opened()
    control.people = people
    await expect(control.call('mintAdminKey')).rejects.toMatchObject({ code: 'ROLE_MISSING' })
  })
})

test('while nobody can tell the last answer counts, and not for ever', async () => {
  vi.useFakeTimers()
  const folder = temporaryFolder()
  const store = new ControlStore(folder.path, sealKey)
  closers.push(
    () => folder[Symbol.dispose](),
    () => store.close(),
  )
  const keys = new AdminKeys(store)
  const now = Date.now
  let isAway = true
  const holders = new Holders({
    ...{ keys, now, events: { keys: () => {} } },
    find: async (id) => {
      if (isAway) throw new Error('nobody answers')
      return { id, username: 'ada', roles: ['admin'] }
    },
    log: createLog({ service: 'control', node: 'control-1', level: 'silent' }),
  })
  closers.push(() => holders.close())
  const ada = { id: 'u-1', name: 'ada' }
  keys.mint(ada, now())
  expect(await holders.standing(ada)).toBe('unknown')
  isAway = false
  await vi.advanceTimersByTimeAsync(HOLDER_CHECK_MS)
  expect(await holders.standing(ada)).toBe('administrator')
  isAway = true
  await vi.advanceTimersByTimeAsync(HOLDER_TRUSTED_MS - HOLDER_CHECK_MS)
  expect(await holders.standing(ada)).toBe('administrator')
  await vi.advanceTimersByTimeAsync(2 * HOLDER_CHECK_MS)
  expect(await holders.standing(ada)).toBe('unknown')
  expect(keys.holders(now())).toEqual([ada])
})
