import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { CLI_CLIENT } from '../clients/built-in.ts'
import { createBrowser } from '../testing/browser.ts'
import { startTestDatabases } from '../testing/database.ts'
import { type Harness, startHarness } from '../testing/harness.ts'
import { CLI_CALLBACK } from '../testing/relying-party.ts'

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
const browser = () => createBrowser(harness.fetchAs())
const challenge = 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM'

describe('what an authorization request may not', () => {
  const ask = (params: Record<string, string | undefined>) => {
    const url = new URL(`${harness.issuer}/authorize`)
    const all = {
      client_id: CLI_CLIENT,
      redirect_uri: CLI_CALLBACK,
      response_type: 'code',
      scope: 'openid',
      code_challenge: challenge,
      code_challenge_method: 'S256',
      state: 's-1',
      ...params,
    }
    for (const [name, value] of Object.entries(all)) {
      if (value !== undefined) url.searchParams.set(name, value)
    }
    return browser().send(url.href, { headers: { accept: 'text/html' } })
  }
  test.each([
    'http://evil.example/callback',
    'http://127.0.0.1.evil.example:1/callback',
    'http://localhost:45678/callback',
    'https://127.0.0.1:45678/callback',
    'http://127.0.0.1:45678/callback/../evil',
    'http://127.0.0.1:45678/callback?x=1',
    'http://user@127.0.0.1:45678/callback',
  ])('send anybody to %s', async (redirect) => {
    const response = await ask({ redirect_uri: redirect })
    expect(response.status).toBe(400)
    expect(response.headers.get('location')).toBeNull()
    expect(response.headers.get('content-type')).toContain('text/html')
    expect(await response.text()).toMatch(/request test-[0-9a-f]+/)
  })
  test.each([
    [{ code_challenge: undefined, code_challenge_method: undefined }, 'invalid_request'],
    [{ code_challenge_method: 'plain' }, 'invalid_request'],
    [{ code_challenge_method: undefined }, 'invalid_request'],
    [{ response_type: 'token' }, 'unsupported_response_type'],
    [{ response_type: 'code id_token' }, 'unsupported_response_type'],
    [{ resource: 'https://other.example' }, 'invalid_target'],
    [{ prompt: 'none' }, 'login_required'],
  ])('%j is answered at the client with %s', async (params, error) => {
    const response = await ask(params)
    const location = new URL(response.headers.get('location') ?? '')
    const answer = new URLSearchParams(location.search || location.hash.slice(1))
    expect(`${location.origin}${location.pathname}`).toBe(CLI_CALLBACK)
    expect(answer.get('error')).toBe(error)
    expect(answer.get('iss')).toBe(harness.issuer)
  })
  test('an unknown client gets a page', async () => {
    const response = await ask({ client_id: '<script>alert(1)</script>' })
    expect(response.status).toBe(400)
    expect(await response.text()).not.toContain('<script>')
  })
  test.each(['password', 'implicit', 'urn:ietf:params:oauth:grant-type:device_code'])(
    'the grant %s does not exist',
    async (grant) => {
      const response = await browser().post(`${harness.issuer}/token`, {
        grant_type: grant,
        client_id: CLI_CLIENT,
        username: 'customer',
        password: harness.people.named('customer').password,
      })
      expect(response.status).toBe(400)
      expect(await response.json()).toMatchObject({ error: 'unsupported_grant_type' })
    },
  )
})
