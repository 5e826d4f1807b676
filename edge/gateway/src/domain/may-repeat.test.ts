import { describe, expect, it } from 'vitest'
import { mayRepeat } from './may-repeat.ts'

describe('mayRepeat', () => {
  it.each([
    ['GET', true, false, false, true],
    ['GET', false, true, false, true],
    ['GET', false, false, true, false],
    ['PUT', true, false, false, true],
    ['PUT', false, true, true, false],
    ['DELETE', true, false, false, true],
    ['POST', true, false, false, false],
    ['POST', true, false, true, true],
    ['POST', false, false, true, false],
    ['PATCH', true, false, true, true],
    ['POST', false, true, true, false],
  ])('%s idempotent=%s mounted=%s key=%s: %s', (method, idempotent, mounted, hasKey, expected) => {
    expect(mayRepeat(method, { idempotent, mounted, hasKey })).toBe(expected)
  })
})
