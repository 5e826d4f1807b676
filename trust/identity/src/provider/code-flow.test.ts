import { createLocalJWKSet, decodeJwt, decodeProtectedHeader, jwtVerify } from 'jose'
import * as client from 'openid-client'
import { describe, expect, test } from 'vitest'
import { CLI_CLIENT } from '../clients/built-in.ts'
import { useProvider } from '../testing/use-provider.ts'

const my = useProvider()
const { browser, eventsOf, flow } = my
const invalidGrant = { error: 'invalid_grant', status: 400 }

describe('the code flow, with openid-client as it is', () => {
  test('gives an RFC 9068 access token that the published keys verify', async () => {
    const { exchange } = await flow()
    const tokens = await exchange()
    const jwks = await (await my.harness.fetchAs()(`${my.harness.issuer}/jwks`)).json()
    const { payload, protectedHeader } = await jwtVerify(
      tokens.access_token,
      createLocalJWKSet(jwks as never),
      { issuer: my.harness.issuer, audience: 'countersign', typ: 'at+jwt', algorithms: ['ES256'] },
    )
    expect(protectedHeader).toMatchObject({ alg: 'ES256', typ: 'at+jwt', kid: expect.any(String) })
    expect(payload).toMatchObject({
      sub: 'person-customer',
      preferred_username: 'customer',
      roles: ['customer'],
      role: 'customer',
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
      const response = await my.harness.fetchAs()(`${my.harness.issuer}/.well-known/${kind}`, {
        headers: { 'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'http' },
      })
      const metadata = (await response.json()) as Record<string, unknown>
      expect(metadata).toMatchObject({
        issuer: my.harness.issuer,
        token_endpoint: `${my.harness.issuer}/token`,
        jwks_uri: `${my.harness.issuer}/jwks`,
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
      client.refreshTokenGrant(my.config, tokens.refresh_token ?? ''),
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
      client.authorizationCodeGrant(my.config, callback, {
        pkceCodeVerifier: other,
        expectedState: callback.searchParams.get('state') ?? '',
        expectedNonce: 'unused',
      }),
    ).rejects.toMatchObject(invalidGrant)
    const { callback: another, verifier } = await flow()
    const elsewhere = await browser().post(`${my.harness.issuer}/token`, {
      ...{ grant_type: 'authorization_code', client_id: CLI_CLIENT, code_verifier: verifier },
      code: another.searchParams.get('code') ?? '',
      redirect_uri: 'http://127.0.0.1:45679/callback',
    })
    expect(elsewhere.status).toBe(400)
    expect(await elsewhere.json()).toMatchObject({ error: 'invalid_grant' })
  })
})

test('after a rotation new tokens have the new key, and old ones still verify', async () => {
  const keys = async () =>
    createLocalJWKSet(
      (await (await my.harness.fetchAs()(`${my.harness.issuer}/jwks`)).json()) as never,
    )
  const before = await (await flow()).exchange()
  const known = await keys()
  const part = my.harness.part()
  // As if the next key had been published long ago.
  Object.assign(part.keys.ring().next, { publishedAt: 0 })
  expect(await part.keys.rotate()).toBe('rotated')
  const after = await client.refreshTokenGrant(my.config, before.refresh_token ?? '')
  const kid = (token: string) => decodeProtectedHeader(token).kid
  expect(kid(after.access_token)).not.toBe(kid(before.access_token))
  // Whoever fetched the keys before the rotation knows the new one already.
  await jwtVerify(after.access_token, known, { issuer: my.harness.issuer })
  await jwtVerify(before.access_token, await keys(), { issuer: my.harness.issuer })
  expect(eventsOf('signing-key.rotate')).toHaveLength(1)
})

test('nothing that was said in confidence is in logs or records', () => {
  const said = JSON.stringify(my.harness.events) + my.harness.lines.join('')
  for (const { password } of my.harness.people.list) expect(said).not.toContain(password)
  expect(said).not.toMatch(/eyJ[\w-]+\./)
})
