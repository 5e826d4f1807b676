import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { checkToken, forgetExpired, merge, type TokenState } from './token-book.ts'

const word = fc.record({
  name: fc.constantFrom('order', 'payment'),
  expiresAt: fc.nat(1_000),
  spent: fc.boolean(),
})

describe('what is known of a token', () => {
  it('is refused unless known, fresh and in time', () => {
    const state: TokenState = { name: 'order', expiresAt: 100, spent: false }
    expect(checkToken(undefined, 0)).toBe('UNKNOWN')
    expect(checkToken(state, 99)).toBeUndefined()
    expect(checkToken(state, 100)).toBe('EXPIRED')
    expect(checkToken({ ...state, spent: true }, 99)).toBe('SPENT')
    expect(checkToken(state, Number.NaN)).toBe('EXPIRED')
    expect(checkToken({ ...state, expiresAt: Number.NaN }, 0)).toBe('EXPIRED')
  })

  it('is the same in whatever order the words come, as far as it allows anything', () => {
    fc.assert(
      fc.property(fc.array(word, { minLength: 1, maxLength: 6 }), fc.nat(1_000), (words, now) => {
        const known = (said: readonly TokenState[]) =>
          said.reduce<TokenState | undefined>((state, next) => merge(state, next), undefined)
        const [one, other] = [known(words), known(words.toReversed())]
        expect(checkToken(one, now) === undefined).toBe(checkToken(other, now) === undefined)
        const spent = words.some((each) => each.spent)
        if (spent) expect(checkToken(one, now)).toBeDefined()
        expect(one?.expiresAt).toBe(Math.min(...words.map(({ expiresAt }) => expiresAt)))
      }),
    )
  })

  it('is forgotten once it has expired', () => {
    const book = new Map([
      ['old', { name: 'order', expiresAt: 10, spent: true }],
      ['new', { name: 'order', expiresAt: 11, spent: true }],
    ])
    forgetExpired(book, 10)
    expect([...book.keys()]).toEqual(['new'])
  })
})
