import { describe, expect, it } from 'vitest'
import { addressKey } from './address-key.ts'
import { createFailureBudget, verifyWithin } from './failure-budget.ts'
import { createTestIssuer, createTestLog } from './testing/issuer.ts'
import { createTokenVerifier } from './token-verifier.ts'

describe('the budget of failures', () => {
  it('refuses an address that has spent it, until the next second, and no other address', () => {
    let clock = 1_500
    const budget = createFailureBudget({ perSecond: 3, now: () => clock })
    for (let i = 0; i < 3; i++) {
      budget.admit('192.0.2.1')
      budget.fail('192.0.2.1')
    }
    expect(() => budget.admit('192.0.2.1')).toThrow(/^RATE_LIMITED/)
    budget.admit('192.0.2.2')
    clock = 2_000
    budget.admit('192.0.2.1')
  })
  it('is shared by the addresses beyond those that it can count', () => {
    const budget = createFailureBudget({ perSecond: 2, addressesMax: 10, now: () => 0 })
    for (let i = 0; i < 12; i++) budget.fail(`192.0.2.${i}`)
    expect(() => budget.admit('198.51.100.1')).toThrow(/^RATE_LIMITED/)
    budget.admit('192.0.2.3')
  })
  it('holds back forged tokens before cryptography, and lets known tokens of the address pass', async () => {
    const issuer = createTestIssuer()
    const verifier = createTokenVerifier({
      ...issuer,
      fetchKeys: () => issuer.fetchKeys(),
      now: () => issuer.clock,
      log: createTestLog().log,
    })
    const budget = createFailureBudget({ perSecond: 5, now: () => issuer.clock })
    const ask = async (token: string) =>
      verifyWithin(budget, verifier, { token, address: '192.0.2.1' })
    const good = issuer.token()
    await ask(good)
    const codes: unknown[] = []
    for (let i = 0; i < 8; i++)
      codes.push(await ask(issuer.token({ aud: `${i}` })).catch(({ code }) => code))
    expect(codes).toEqual([...Array(5).fill('TOKEN_INVALID'), ...Array(3).fill('RATE_LIMITED')])
    await expect(ask(good)).resolves.toBeDefined()
    verifier.close()
  })
})

it.each([
  ['192.0.2.1', '192.0.2.1'],
  ['::ffff:192.0.2.1', '192.0.2.1'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:DB8:1:2::9', '2001:db8:1:2::/64'],
  ['2001:db8::1', '2001:db8:0:0::/64'],
  ['::1', '0:0:0:0::/64'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  ['not:an:address', 'not:an:address'],
])('the client at %s is counted as %s', (address, key) => expect(addressKey(address)).toBe(key))
