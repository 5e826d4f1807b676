import { createLocalJWKSet, decodeJwt, decodeProtectedHeader, jwtVerify } from 'jose'
import * as client from 'openid-client'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { CLI_CLIENT, CONSOLE_CLIENT } from '../clients/built-in.ts'
import { createBrowser } from '../testing/browser.ts'
import { startTestDatabases } from '../testing/database.ts'
import { type Harness, startHarness } from '../testing/harness.ts'
import { CLI_CALLBACK, codeFlow, discover } from '../testing/relying-party.ts'

let databases: Awaited<ReturnType<typeof startTestDatabases>>
let harness: Harness
let config: client.Configuration
beforeAll(async () => {
  databases = await startTestDatabases()
  harness = await startHarness({ databaseUrl: await databases.url() })
  config = await discover(harness)
})
afterAll(async () => {
  await harness?.close()
  await databases?.stop()
})
const browser = () => createBrowser(harness.fetchAs())
const flow = (who = 'customer') => codeFlow(config, browser(), harness.people.named(who))
const eventsOf = (action: string) => harness.events.filter((event) => event.action === action)
const invalidGrant = { error: 'invalid_grant', status: 400 }
const challenge = 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM'

describe('the code flow, with openid-client as it is', () => {
  test('gives an RFC 9068 access token that the published keys verify', async () => {
    const { exchange } = await flow()
    const tokens = await exchange()
    const jwks = await (await harness.fetchAs()(`${harness.issuer}/jwks`)).json()
    const { payload, protectedHeader } = await jwtVerify(
      tokens.access_token,
      createLocalJWKSet(jwks as never),
      { issuer: harness.issuer, audience: 'countersign', typ: 'at+jwt', algorithms: ['ES256'] },
    )
    expect(protectedHeader).toMatchObject({ alg: 'ES256', typ: 'at+jwt', kid: expect.any(String) })
    expect(payload).toMatchObject({
      sub: 'person-customer',
      preferred_username: 'customer',
      roles: ['customer'],
      client_id: CLI_CLIENT,
      jti: expect.any(String),
    })
    expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBe(300)
    expect(tokens.token_type).toBe('bearer')
    const issued = eventsOf('token.issue').at(-1)
    expect(issued).toMatchObject({ userId: 'person-customer', status: 'success' })
    expect(issued?.countersign?.details).toMatchObject({ tokenId: payload.jti })
  })
  test('an ID token cannot pass for an access token', async () => {
    const tokens = await (await flow()).exchange()
    const idToken = tokens.id_token ?? ''
    expect(decodeProtectedHeader(idToken).typ).not.toBe('at+jwt')
    expect(decodeJwt(idToken)).toMatchObject({ aud: CLI_CLIENT, sub: 'person-customer' })
    expect(decodeJwt(idToken)).not.toHaveProperty('client_id')
  })
  test('names its endpoints by the configured address, whatever the request claims', async () => {
    for (const kind of ['openid-configuration', 'oauth-authorization-server']) {
      const response = await harness.fetchAs()(`${harness.issuer}/.well-known/${kind}`, {
        headers: { 'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'http' },
      })
      const metadata = (await response.json()) as Record<string, unknown>
      expect(metadata).toMatchObject({
        issuer: harness.issuer,
        token_endpoint: `${harness.issuer}/token`,
        jwks_uri: `${harness.issuer}/jwks`,
        response_types_supported: ['code'],
        code_challenge_methods_supported: ['S256'],
        id_token_signing_alg_values_supported: ['ES256'],
        token_endpoint_auth_methods_supported: ['none', 'tls_client_auth'],
        grant_types_supported: ['authorization_code', 'refresh_token', 'client_credentials'],
      })
      for (const off of ['registration', 'introspection', 'userinfo', 'device_authorization']) {
        expect(metadata).not.toHaveProperty(`${off}_endpoint`)
      }
    }
  })
  test('a code works once; the second use ends what the first brought', async () => {
    const { exchange } = await flow()
    const tokens = await exchange()
    const before = eventsOf('token.reuse').length
    await expect(exchange()).rejects.toMatchObject(invalidGrant)
    await expect(
      client.refreshTokenGrant(config, tokens.refresh_token ?? ''),
    ).rejects.toMatchObject(invalidGrant)
    expect(eventsOf('token.reuse')).toHaveLength(before + 1)
    expect(eventsOf('token.reuse').at(-1)?.userId).toBe('person-customer')
  })
  test('of 50 who exchange one code at once, exactly one gets tokens', async () => {
    const { exchange } = await flow()
    const outcomes = await Promise.allSettled(Array.from({ length: 50 }, exchange))
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    for (const each of outcomes) {
      if (each.status === 'rejected') expect(each.reason).toMatchObject(invalidGrant)
    }
  })
  test('a code needs the verifier of its challenge, and its own redirect address', async () => {
    const { callback } = await flow()
    const other = client.randomPKCECodeVerifier()
    await expect(
      client.authorizationCodeGrant(config, callback, {
        pkceCodeVerifier: other,
        expectedState: callback.searchParams.get('state') ?? '',
        expectedNonce: 'unused',
      }),
    ).rejects.toMatchObject(invalidGrant)
  })
})

describe('refresh tokens', () => {
  test('rotate, and a second use of an old one ends the family', async () => {
    const first = await (await flow()).exchange()
    const second = await client.refreshTokenGrant(config, first.refresh_token ?? '')
    expect(second.refresh_token).not.toBe(first.refresh_token)
    expect(decodeJwt(second.access_token).sub).toBe('person-customer')
    expect(eventsOf('token.refresh').at(-1)?.userId).toBe('person-customer')
    const before = eventsOf('token.reuse').length
    for (const token of [first.refresh_token, second.refresh_token]) {
      await expect(client.refreshTokenGrant(config, token ?? '')).rejects.toMatchObject(
        invalidGrant,
      )
    }
    expect(eventsOf('token.reuse')).toHaveLength(before + 1)
  })
  test('of 20 uses at once at most one succeeds, and the family ends', async () => {
    const first = await (await flow()).exchange()
    const outcomes = await Promise.allSettled(
      Array.from({ length: 20 }, () => client.refreshTokenGrant(config, first.refresh_token ?? '')),
    )
    const won = outcomes.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []))
    expect(won).toHaveLength(1)
    await expect(
      client.refreshTokenGrant(config, won[0]?.refresh_token ?? ''),
    ).rejects.toMatchObject(invalidGrant)
  })
  test('survive a restart, the memory of their use included', async () => {
    const first = await (await flow()).exchange()
    await harness.restart()
    const second = await client.refreshTokenGrant(config, first.refresh_token ?? '')
    await harness.restart()
    await expect(client.refreshTokenGrant(config, first.refresh_token ?? '')).rejects.toMatchObject(
      invalidGrant,
    )
    await expect(
      client.refreshTokenGrant(config, second.refresh_token ?? ''),
    ).rejects.toMatchObject(invalidGrant)
  })
  test('carry the roles of the moment, and end with the account', async () => {
    const support = harness.people.named('support')
    const first = await (await flow('support')).exchange()
    support.roles = ['support', 'auditor']
    const second = await client.refreshTokenGrant(config, first.refresh_token ?? '')
    expect(decodeJwt(second.access_token).roles).toEqual(['support', 'auditor'])
    support.open = false
    await expect(
      client.refreshTokenGrant(config, second.refresh_token ?? ''),
    ).rejects.toMatchObject(invalidGrant)
    support.open = true
  })
  test('are not used up while nobody can tell who the person is', async () => {
    const first = await (await flow()).exchange()
    harness.people.state.away = true
    const refused = await client
      .refreshTokenGrant(config, first.refresh_token ?? '')
      .catch((e) => e)
    harness.people.state.away = false
    expect(refused.cause.status).toBe(503)
    await client.refreshTokenGrant(config, first.refresh_token ?? '')
  })
  test('can be revoked by their client', async () => {
    const first = await (await flow()).exchange()
    await client.tokenRevocation(config, first.refresh_token ?? '')
    await expect(client.refreshTokenGrant(config, first.refresh_token ?? '')).rejects.toMatchObject(
      invalidGrant,
    )
    expect(eventsOf('token.revoke').at(-1)).toMatchObject({ userId: 'person-customer' })
  })
})

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

describe('sessions', () => {
  const consoleCallback = () => `${new URL(harness.issuer).origin}/console/callback`

  test('the console rides on a session; the command line asks for the password each time', async () => {
    const person = harness.people.named('admin')
    const mine = browser()
    const asConsole = await discover(harness, CONSOLE_CLIENT)
    await (await codeFlow(asConsole, mine, person, consoleCallback())).exchange()
    const nobody = { username: 'nobody', password: 'never typed' }
    await (await codeFlow(asConsole, mine, nobody, consoleCallback())).exchange()
    await expect(codeFlow(config, mine, nobody)).rejects.toThrow('login answered 403')
  })
  test('a logout ends the session and every refresh token of it', async () => {
    const mine = browser()
    const asConsole = await discover(harness, CONSOLE_CLIENT)
    const person = harness.people.named('admin')
    const { exchange } = await codeFlow(asConsole, mine, person, consoleCallback())
    const tokens = await exchange()
    const leave = client.buildEndSessionUrl(asConsole, {
      id_token_hint: tokens.id_token ?? '',
      post_logout_redirect_uri: `${new URL(harness.issuer).origin}/console/`,
    })
    const page = await mine.send(leave.href, { headers: { accept: 'text/html' } })
    const html = await page.text()
    const [, action = ''] = /action="([^"]+)"/.exec(html) ?? []
    const [, xsrf = ''] = /name="xsrf" value="([^"]+)"/.exec(html) ?? []
    const forged = await mine.post(action, { xsrf: 'guessed', logout: 'yes' })
    expect(forged.status).toBe(400)
    const left = await mine.post(action, { xsrf, logout: 'yes' })
    expect(left.headers.get('location')).toBe(`${new URL(harness.issuer).origin}/console/`)
    await expect(
      client.refreshTokenGrant(asConsole, tokens.refresh_token ?? ''),
    ).rejects.toMatchObject(invalidGrant)
    expect(eventsOf('session.end').at(-1)).toMatchObject({ userId: 'person-admin' })
  })
  test('a closed account does not ride on its session', async () => {
    const mine = browser()
    const asConsole = await discover(harness, CONSOLE_CLIENT)
    const person = harness.people.named('auditor')
    await (await codeFlow(asConsole, mine, person, consoleCallback())).exchange()
    person.open = false
    const again = codeFlow(asConsole, mine, person, consoleCallback())
    await expect(again).rejects.toThrow('login answered 403')
    person.open = true
  })
})

test('after a rotation new tokens have the new key, and old ones still verify', async () => {
  const keys = async () =>
    createLocalJWKSet((await (await harness.fetchAs()(`${harness.issuer}/jwks`)).json()) as never)
  const before = await (await flow()).exchange()
  const known = await keys()
  const part = harness.part()
  // As if the next key had been published long ago.
  Object.assign(part.keys.ring().next, { publishedAt: 0 })
  expect(await part.keys.rotate()).toBe('rotated')
  const after = await client.refreshTokenGrant(config, before.refresh_token ?? '')
  const kid = (token: string) => decodeProtectedHeader(token).kid
  expect(kid(after.access_token)).not.toBe(kid(before.access_token))
  // Whoever fetched the keys before the rotation knows the new one already.
  await jwtVerify(after.access_token, known, { issuer: harness.issuer })
  await jwtVerify(before.access_token, await keys(), { issuer: harness.issuer })
  expect(eventsOf('signing-key.rotate')).toHaveLength(1)
})

test('nothing that was said in confidence is in logs or records', () => {
  const said = JSON.stringify(harness.events) + harness.lines.join('')
  for (const { password } of harness.people.list) expect(said).not.toContain(password)
  expect(said).not.toMatch(/eyJ[\w-]+\./)
})
