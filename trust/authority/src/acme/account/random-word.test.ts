import { expect, it } from 'vitest'
import { randomWord } from './random-word.ts'

it('never begins with a dash', () => {
  // All first octets: the four that are written with a dash come first.
  const firsts = [0xf8, 0xf9, 0xfa, 0xfb, ...Array.from({ length: 256 }, (_, i) => i)]
  const drawn: string[] = []
  while (firsts.length > 0) {
    const word = randomWord(16, (count) => Buffer.alloc(count, firsts.shift() ?? 0))
    drawn.push(word.toString('base64url'))
  }
  expect(drawn.filter((each) => each.startsWith('-'))).toEqual([])
  expect(drawn).toHaveLength(252)
})
