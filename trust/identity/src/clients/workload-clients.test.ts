import { workloadId } from '@countersign/contract'
import { decodeJwt, decodeProtectedHeader } from 'jose'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startTestDatabases } from '../testing/database.ts'
import { type Harness, startHarness } from '../testing/harness.ts'
import { type Leaf, TRUST_DOMAIN, thumbprintOf } from '../testing/pki.ts'
import { workloadClient } from './workload-clients.ts'

const orderId = workloadId(TRUST_DOMAIN, 'order')
const paymentId = workloadId(TRUST_DOMAIN, 'payment')
const gatewayId = workloadId(TRUST_DOMAIN, 'gateway')

let databases: Awaited<ReturnType<typeof startTestDatabases>>
let harness: Harness
let order: Leaf
beforeAll(async () => {
  databases = await startTestDatabases()
  harness = await startHarness({ databaseUrl: await databases.url(), ttl: 120 })
  order = await harness.pki.workload('order')
})
afterAll(async () => {
  await harness?.close()
  await databases?.stop()
})
async function ask(leaf: Leaf | undefined, params: Record<string, string>) {
  const response = await harness.fetchAs(leaf)(`${harness.issuer}/token`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({ grant_type: 'client_credentials', ...params }).toString(),
  })
  return { status: response.status, body: (await response.json()) as Record<string, string> }
}

describe('a workload is a client by its certificate', () => {
  test('and gets a token that only this certificate can use', async () => {
    const { status, body } = await ask(order, { client_id: orderId })
    expect(status).toBe(200)
    const token = body.access_token ?? ''
    expect(decodeProtectedHeader(token)).toMatchObject({ alg: 'ES256', typ: 'at+jwt' })
    const claims = decodeJwt(token)
    expect(claims).toMatchObject({
      ...{ sub: orderId, client_id: orderId, aud: 'countersign', roles: [] },
      cnf: { 'x5t#S256': thumbprintOf(order) },
    })
    expect(claims).not.toHaveProperty('preferred_username')
    expect((claims.exp ?? 0) - (claims.iat ?? 0)).toBe(120)
    expect(body).not.toHaveProperty('refresh_token')
    expect(harness.events.at(-1)).toMatchObject({
      ...{ action: 'token.issue', status: 'success', userId: orderId },
      client: { workload: 'order' },
      countersign: { details: { grant: 'client_credentials', clientId: orderId } },
    })
  })
  test('but not by the certificate of another', async () => {
    const { status, body } = await ask(order, { client_id: paymentId })
    expect({ status, error: body.error }).toEqual({ status: 401, error: 'invalid_client' })
    expect(harness.events.at(-1)).toMatchObject({
      ...{ action: 'token.issue', status: 'refused' },
      event: { code: 'invalid_client' },
    })
  })
  test.each([orderId, gatewayId])(
    'nor through the gateway, whose certificate stands for anybody: %s',
    async (id) => {
      const gateway = await harness.pki.workload('gateway')
      for (const leaf of [undefined, gateway]) {
        expect(await ask(leaf, { client_id: id })).toMatchObject({
          ...{ status: 401, body: { error: 'invalid_client' } },
        })
      }
    },
  )
  test('nor by a header that claims a certificate', async () => {
    const response = await harness.fetchAs()(`${harness.issuer}/token`, {
      method: 'POST',
      headers: {
        'content-type': 'application/x-www-form-urlencoded',
        'x-forwarded-client-cert': `URI=${orderId}`,
        'x-client-cert': encodeURIComponent(order.cert),
      },
      body: new URLSearchParams({
        grant_type: 'client_credentials',
        client_id: orderId,
      }).toString(),
    })
    expect(response.status).toBe(401)
  })
  test('and for nothing but its own token', async () => {
    const code = await ask(order, { client_id: orderId, grant_type: 'authorization_code' })
    expect(code.status).toBe(400)
    const elsewhere = await ask(order, { client_id: orderId, resource: 'https://evil.example' })
    expect(elsewhere).toMatchObject({ status: 400, body: { error: 'invalid_target' } })
  })
  test('a person’s client cannot have a token of its own', async () => {
    const { status } = await ask(undefined, { client_id: 'countersign-cli' })
    expect(status).toBe(400)
  })
})

test.each([
  'spiffe://other.domain/service/order',
  `spiffe://${TRUST_DOMAIN}`,
  `spiffe://${TRUST_DOMAIN}/service/order/`,
  `spiffe://${TRUST_DOMAIN}/service/gateway`,
  `spiffe://${TRUST_DOMAIN}/platform/order`,
  `spiffe://${TRUST_DOMAIN}/service/%6frder`,
  gatewayId,
  'order',
  '',
])('%s is no client', (id) => {
  expect(workloadClient(TRUST_DOMAIN, id)).toBeUndefined()
})
