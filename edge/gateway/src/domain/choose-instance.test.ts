import { describe, expect, it } from 'vitest'
import { chooseInstance, mayRepeat } from './choose-instance.ts'

const candidate = (id: string, inFlight = 0, open = true) => ({ id, inFlight, open })
const none: ReadonlySet<string> = new Set()

describe('chooseInstance', () => {
  it('takes the least loaded', () => {
    const all = [candidate('a', 3), candidate('b', 1), candidate('c', 2)]
    expect(chooseInstance(all, { tried: none, turn: 0 })?.id).toBe('b')
  })
  it('takes equals in turn', () => {
    const all = [candidate('a'), candidate('b')]
    expect([0, 1, 2].map((turn) => chooseInstance(all, { tried: none, turn })?.id)).toEqual([
      'a',
      'b',
      'a',
    ])
  })
  it('takes neither what was tried nor what its breaker holds back', () => {
    const all = [candidate('a'), candidate('b', 5), candidate('c', 0, false)]
    expect(chooseInstance(all, { tried: new Set(['a']), turn: 0 })?.id).toBe('b')
    expect(chooseInstance(all, { tried: new Set(['a', 'b']), turn: 0 })).toBeUndefined()
    expect(chooseInstance([], { tried: none, turn: 0 })).toBeUndefined()
  })
})

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
