import { decodeJwt } from 'jose'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { logIn } from './login-flow.ts'
import { PAIR_BUCKET } from './limits.ts'
import { startTestDatabases } from './testing/database.ts'
import { type Harness, startHarness } from './testing/harness.ts'

let databases: Awaited<ReturnType<typeof startTestDatabases>>
let harness: Harness
beforeAll(async () => {
  databases = await startTestDatabases()
  harness = await startHarness({ databaseUrl: await databases.url() })
})
afterAll(async () => {
  await harness?.close()
  await databases?.stop()
})
const from = (username: string, password: string, issuer = harness.issuer) =>
  logIn({ issuer, username, password, fetch: harness.fetchAs() as never })

test.each(['admin', 'customer', 'support', 'auditor'])(
  '%s logs in without a browser',
  async (who) => {
    const tokens = await from(who, harness.people.named(who).password)
    expect(decodeJwt(tokens.accessToken)).toMatchObject({ roles: [who], preferred_username: who })
    expect(tokens).toMatchObject({ tokenType: 'Bearer', expiresIn: 300 })
    expect(tokens.refreshToken).toEqual(expect.any(String))
  },
)

test('the console’s tokens can be had as well, by its own redirect address', async () => {
  const { username, password } = harness.people.named('admin')
  const tokens = await logIn({
    ...{ issuer: harness.issuer, username, password, clientId: 'console' },
    fetch: harness.fetchAs() as never,
    redirectUri: `${new URL(harness.issuer).origin}/console/callback`,
  })
  expect(decodeJwt(tokens.accessToken).client_id).toBe('console')
})

test('a wrong password, too many of them, and no user service are told apart', async () => {
  await expect(from('nobody', 'wrong')).rejects.toMatchObject({ code: 'LOGIN_REFUSED' })
  harness.people.state.away = true
  await expect(from('nobody', 'wrong')).rejects.toMatchObject({ code: 'LOGIN_UNAVAILABLE' })
  harness.people.state.away = false
  for (let i = 1; i < PAIR_BUCKET.burst; i++) await from('nobody', 'wrong').catch(() => {})
  await expect(from('nobody', 'wrong')).rejects.toMatchObject({
    code: 'LOGIN_THROTTLED',
    context: { retryAfterSeconds: expect.any(Number) },
  })
})

test('a provider that calls itself something else is not believed', async () => {
  const issuer = harness.issuer.replace('localhost', 'LOCALHOST')
  await expect(from('admin', 'x', issuer)).rejects.toMatchObject({ code: 'PROTOCOL' })
})
