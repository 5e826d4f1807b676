import { expect, it } from 'vitest'
import { bearerToken } from './bearer-token.ts'
import { Refusal } from './refusal.ts'

it.each([
  [[], undefined],
  [['Host', 'a'], undefined],
  [['Authorization', 'Bearer abc.def.ghi'], 'abc.def.ghi'],
  [['authorization', 'bearer abc'], 'abc'],
  [['AUTHORIZATION', 'BEARER a-b_c~d+e/f=='], 'a-b_c~d+e/f=='],
  [['Authorization', 'Basic dXNlcjpwYXNz'], undefined],
  [['Authorization', 'Bearerx abc'], undefined],
  [['Cookie', 'authorization=Bearer abc'], undefined],
])('%j gives %j', (headers, token) => expect(bearerToken(headers)).toBe(token))

it.each([
  [['Authorization', 'Bearer a', 'Authorization', 'Bearer a']],
  [['Authorization', 'Bearer a', 'authorization', 'Basic b']],
  [['Authorization', 'Bearer']],
  [['Authorization', 'Bearer ']],
  [['Authorization', 'Bearer a b']],
  [['Authorization', 'Bearer a,b']],
  [['Authorization', 'Bearer a, Bearer b']],
  [['Authorization', 'Bearer,a']],
  [['Authorization', 'Bearer\ta']],
  [['Authorization', 'Bearer  a']],
  [['Authorization', 'Bearer ä']],
  [['Authorization', 'Bearer "a"']],
  [['Authorization', 'Bearer a=b']],
])('%j is refused', (headers) => {
  expect(() => bearerToken(headers)).toThrow(Refusal)
  expect(() => bearerToken(headers)).toThrow(/^REQUEST_INVALID/)
})
