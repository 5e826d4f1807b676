import { createRemoteJWKSet, jwtVerify, decodeProtectedHeader } from 'jose'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { LoginError, logIn } from './login-flow.ts'
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

test('a person logs in without a browser', async () => {
  const { issuer, people } = harness
  const { username, password } = people.named('customer')
  const fetch = harness.fetchAs() as never
  const tokens = await logIn({ issuer, fetch, username, password })
  console.log(tokens, harness.lines.join(''), harness.events, harness.createMs)
})
