import { createHmac, createPublicKey, generateKeyPairSync, sign } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Answer, type Ask, anOrder } from './support/door.ts'
import { sharedPlatform } from './support/shared.ts'

/* Every way to be refused at the public door: a problem without inner detail, an id that `explain` resolves, an event. */
const platform = sharedPlatform()
const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
let customer = ''
let support = ''
let header: Record<string, unknown>
let claims: Record<string, unknown>

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')
const decode = (part = ''): any => JSON.parse(Buffer.from(part, 'base64url').toString())

beforeAll(async () => {
  customer = await platform.token('customer')
  support = await platform.token('support')
  const [head, body] = customer.split('.')
  header = decode(head)
  claims = decode(body)
})
afterAll(() => platform.door.close())

/** Refused with this status and code; the event and the explanation are there, and nothing of ours in the body. */
async function expectRefusal(
  ask: Ask,
  status: number,
  code: string,
): Promise<{ answer: Answer; event: any }> {
  const answer = await platform.ask(ask)
  expect(answer.json, answer.text).toMatchObject({ status, code, requestId: answer.requestId })
  expect(answer.status).toBe(status)
  expect(answer.headers['content-type']).toContain('application/problem+json')
  expect(answer.text).not.toMatch(/\bat \/|node_modules|\.ts\b|spiffe:|stack|127\.0\.0\.1/)
  const events = await platform.events(answer.requestId)
  const event = events.map((each) => each.event ?? each).length > 0 ? events[0] : undefined
  expect(event, `no audit event for ${answer.requestId}`).toBeDefined()
  const explained = await platform.desk('explain', answer.requestId)
  expect(explained.code, explained.stderr).toBe(0)
  expect(explained.stdout).toContain(code)
  return { answer, event }
}

describe('a token', () => {
  test('is required, and the answer says of which kind', async () => {
    const { answer } = await expectRefusal({ path: '/orders' }, 401, 'TOKEN_MISSING')
    expect(answer.headers['www-authenticate']).toMatch(/^Bearer/)
  })

  const forged: readonly (readonly [string, () => string | Promise<string>])[] = [
    ['that is no token', () => 'abc'],
    ['with another signature', () => `${customer.slice(0, -20)}${'A'.repeat(20)}`],
    [
      'with other claims',
      () => customer.replace(/\.[^.]+\./, `.${encode({ ...claims, roles: ['admin'] })}.`),
    ],
    ['of a key of its own', () => es256({ ...header }, claims)],
    ['of algorithm none', () => `${encode({ ...header, alg: 'none' })}.${encode(claims)}.`],
    ['of HS256 with the public key', () => hs256WithPublicKey()],
  ]
  test.each(forged)('%s is refused', async (_, make) => {
    const { answer } = await expectRefusal(
      { path: '/orders', token: await make() },
      401,
      'TOKEN_INVALID',
    )
    expect(answer.headers['www-authenticate']).toContain('error="invalid_token"')
  })

  test('for identification is not one for access', async () => {
    const { idToken } = await platform.json<{ idToken: string }>('token', 'customer')
    expect(idToken.split('.')).toHaveLength(3)
    await expectRefusal({ path: '/orders', token: idToken }, 401, 'TOKEN_INVALID')
  })
})

describe('a right token', () => {
  test('with the wrong role is refused', async () => {
    await expectRefusal({ path: '/users', token: customer }, 403, 'ROLE_MISSING')
  })
  test('does not show another customer’s order', async () => {
    const admin = await platform.token('admin')
    const placed = await platform.ask({ path: '/orders', token: admin, body: anOrder() })
    expect(placed.status, placed.text).toBe(201)
    await expectRefusal({ path: `/orders/${placed.json.id}`, token: customer }, 404, 'NOT_FOUND')
    const seen = await platform.ask({ path: `/orders/${placed.json.id}`, token: support })
    expect(seen.status).toBe(200)
  })
})

describe('a request', () => {
  test('with a wrong body names the field', async () => {
    const { answer } = await expectRefusal(
      { path: '/orders', token: customer, body: { ...anOrder(), currency: 5 } },
      400,
      'BODY_INVALID',
    )
    expect(answer.json.errors).toEqual([expect.objectContaining({ field: 'body.currency' })])
  })
  test('for nothing that is there is refused', async () => {
    await expectRefusal({ path: '/nothing-here', token: customer }, 404, 'ROUTE_UNKNOWN')
  })
  test('with too large a body is refused', async () => {
    await expectRefusal(
      { path: '/orders', token: customer, raw: JSON.stringify({ x: 'y'.repeat(2_000_000) }) },
      413,
      'BODY_TOO_LARGE',
    )
  })
  test('over the limit is told how long to wait', async () => {
    const answers = await Promise.all(
      Array.from({ length: 40 }, () =>
        platform.ask({ path: '/orders', token: support, body: anOrder() }),
      ),
    )
    const refused = answers.find((answer) => answer.status === 429)
    expect(refused, answers.map((answer) => answer.status).join()).toBeDefined()
    expect(Number(refused?.headers['retry-after'])).toBeGreaterThanOrEqual(1)
    expect(refused?.headers['ratelimit-policy']).toContain('q=5;w=1')
    expect(refused?.headers['x-ratelimit-limit-second']).toBe('5')
    expect(refused?.json).toMatchObject({ status: 429, code: 'RATE_LIMITED' })
    const explained = await platform.desk('explain', refused?.requestId ?? '')
    expect(explained.code, explained.stderr).toBe(0)
  })
})

function es256(head: object, body: object): string {
  const input = `${encode(head)}.${encode(body)}`
  return `${input}.${sign('sha256', Buffer.from(input), { key: privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`
}

async function hs256WithPublicKey(): Promise<string> {
  const { json } = await platform.ask({ path: '/auth/jwks' })
  const pem = createPublicKey({ key: json.keys[0], format: 'jwk' }).export({
    type: 'spki',
    format: 'pem',
  })
  const input = `${encode({ ...header, alg: 'HS256' })}.${encode(claims)}`
  return `${input}.${createHmac('sha256', pem).update(input).digest('base64url')}`
}
