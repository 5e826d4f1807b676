import { expect, test } from 'vitest'
import { ipRestriction } from './ip-restriction.ts'
import { FakeRequest } from './testing/exchange.ts'
import { access, instanceOf } from './testing/run.ts'

const from = (config: Record<string, unknown>, address: string) =>
  access(instanceOf(ipRestriction, config), new FakeRequest({ client: { address } }))

test.each([
  ['a single address', ['192.0.2.1'], '192.0.2.1', true],
  ['another address', ['192.0.2.1'], '192.0.2.2', false],
  ['the last of a range', ['10.0.0.0/9'], '10.127.255.255', true],
  ['the next after a range', ['10.0.0.0/9'], '10.128.0.0', false],
  ['everything', ['0.0.0.0/0'], '203.0.113.9', true],
  ['IPv6 is not in a range of IPv4', ['0.0.0.0/0'], '2001:db8::1', false],
  ['IPv6', ['2001:db8::/32'], '2001:db8:ffff::1', true],
  ['IPv6 beside it', ['2001:db8::/32'], '2001:db9::1', false],
  ['IPv4 in IPv6 clothes on the wire', ['10.0.0.0/8'], '::ffff:10.1.2.3', true],
  ['IPv4 in IPv6 clothes in hex', ['10.0.0.0/8'], '::ffff:a01:203', true],
  ['IPv4 in IPv6 clothes in the list', ['::ffff:10.0.0.0/104'], '10.1.2.3', true],
  ['the same, beside it', ['::ffff:10.0.0.0/104'], '11.1.2.3', false],
  ['no address at all', ['0.0.0.0/0', '::/0'], 'somewhere', false],
])('allow: %s', async (_, allow, address, passes) => {
  expect((await from({ allow }, address)) === undefined).toBe(passes)
})

test('deny goes before allow, and says so as Kong does', async () => {
  const config = { allow: ['10.0.0.0/8'], deny: ['10.0.0.1'] }
  expect(await from(config, '10.0.0.2')).toBeUndefined()
  const refusal = await from(config, '10.0.0.1')
  expect(refusal?.status).toBe(403)
  expect(refusal?.facts.message).toBe('IP address not allowed: 10.0.0.1')
})

test('status and message are those of the operator', async () => {
  const refusal = await from({ deny: ['10.0.0.1'], status: 451, message: 'not here' }, '10.0.0.1')
  expect(refusal?.status).toBe(451)
  expect(refusal?.facts.message).toBe('not here')
})

test('deprecated names are taken and turned into those of today', () => {
  expect(ipRestriction.schema.parse({ whitelist: ['10.0.0.1'], blacklist: ['10.0.0.2'] })).toEqual({
    ...{ allow: ['10.0.0.1'], deny: ['10.0.0.2'], status: null, message: null },
  })
})

test.each([
  [{}, "at least one of these fields must be non-empty: 'config.allow', 'config.deny'"],
  [{ allow: ['10.0.0.0/33'] }, "invalid ip or cidr range: '10.0.0.0/33'"],
  [{ deny: ['10.0.0.1/'] }, "invalid ip or cidr range: '10.0.0.1/'"],
  [{ deny: ['010.0.0.1'] }, "invalid ip or cidr range: '010.0.0.1'"],
  [{ deny: ['fe80::1%eth0'] }, "invalid ip or cidr range: 'fe80::1%eth0'"],
  [{ deny: ['10.0.0.1'], status: 200 }, 'Too small'],
  [{ deny: ['10.0.0.1'], allowed: true }, 'Unrecognized key'],
])('a mistake in %j is told', (config, text) => {
  expect(ipRestriction.schema.safeParse(config).error?.issues[0]?.message).toContain(text)
})
