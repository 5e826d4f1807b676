import { PassThrough, Writable } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { askAt } from './ask.ts'

/** A terminal that was typed at, and what it shows. */
function terminal() {
  const modes: boolean[] = []
  const input = Object.assign(new PassThrough(), {
    setRawMode: (mode: boolean) => void modes.push(mode),
  })
  let shown = ''
  const output = new Writable({
    write: (chunk, _, done) => {
      shown += String(chunk)
      done()
    },
  })
  return { input, modes, ask: askAt(input, output), shown: () => shown }
}

describe('a question at the terminal', () => {
  test.each([
    ['y\n', true],
    ['Yes\n', true],
    ['n\n', false],
    ['\n', false],
    ['yes please\n', false],
  ])('%j is %s', async (typed, yes) => {
    const { input, ask } = terminal()
    const answer = ask.confirm('Really?')
    input.write(typed)
    expect(await answer).toBe(yes)
  })

  test('that nobody answers is no', async () => {
    const { input, ask } = terminal()
    const answer = ask.confirm('Really?')
    input.end()
    expect(await answer).toBe(false)
  })

  test('for a secret shows nothing of it, and gives the terminal back', async () => {
    const { input, ask, modes, shown } = terminal()
    const answer = ask.secret('Passphrase: ')
    input.write('corect')
    input.write('\u007f\u007f\u007frect horse\u0001\r')
    expect(await answer).toBe('correct horse')
    expect(shown()).toBe('Passphrase: \n')
    expect(modes).toEqual([true, false])
    expect(input.listenerCount('data')).toBe(0)
  })

  test.each(['\u0003', '\u0004'])('for a secret can be given up with %j', async (key) => {
    const { input, ask, modes } = terminal()
    const answer = ask.secret('Passphrase: ')
    input.write(`abc${key}`)
    expect(await answer).toBeUndefined()
    expect(modes.at(-1)).toBe(false)
  })

  test('for a secret takes no more than it may be long', async () => {
    const { input, ask } = terminal()
    const answer = ask.secret('Passphrase: ')
    input.write('x'.repeat(5_000))
    input.write('\n')
    expect((await answer)?.length).toBe(1_024)
  })
})
