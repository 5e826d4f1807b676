import { expect, it } from 'vitest'
import type { VerifiedToken } from './token.ts'
import { TokenCache } from './token-cache.ts'

const person = { id: 'a', name: undefined, roles: [], clientId: undefined, tokenId: undefined }
const verdict = (expiresAt = 1e9): VerifiedToken => ({
  person,
  expiresAt,
  boundTo: undefined,
  scopes: [],
})

it('keeps a verdict for a minute at most, and never past the expiry of the token', () => {
  const cache = new TokenCache()
  cache.set('long', verdict(), 0)
  cache.set('short', verdict(10), 0)
  expect(cache.get('long', 59_999)).toBeDefined()
  expect(cache.get('long', 60_000)).toBeUndefined()
  expect(cache.get('short', 9_999)).toBeDefined()
  expect(cache.get('short', 10_000)).toBeUndefined()
})
it('stays within two generations, and keeps what is in use', () => {
  const cache = new TokenCache(100)
  cache.set('in use', verdict(), 0)
  for (let i = 0; i < 10_000; i++) {
    cache.set(`token-${i}`, verdict(), 0)
    expect(cache.get('in use', 0)).toBeDefined()
    expect(cache.size).toBeLessThanOrEqual(200)
  }
  expect(cache.get('token-0', 0)).toBeUndefined()
})
it('does not keep very long tokens', () => {
  const cache = new TokenCache()
  cache.set('x'.repeat(4_097), verdict(), 0)
  expect(cache.size).toBe(0)
})
