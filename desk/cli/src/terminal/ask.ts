import { createInterface } from 'node:readline/promises'
import type { Readable, Writable } from 'node:stream'
import { PASSPHRASE_BYTES_MAX } from '../limits.ts'

/** Asks the person at the terminal. */
export interface Ask {
  /** Whether the answer was yes. Anything but `y` and `yes` is no. */
  confirm(question: string): Promise<boolean>
  /** What was typed, without showing it. `undefined` where the person gave up (Ctrl-C, Ctrl-D). */
  secret(question: string): Promise<string | undefined>
}
type Terminal = Readable & { setRawMode?(mode: boolean): unknown }

/** Asks at these streams, which are a terminal. */
export function askAt(input: Terminal, output: Writable): Ask {
  return {
    confirm: async (question) => {
      const lines = createInterface({ input, output })
      // A terminal that closes answers nothing.
      const closed = new Promise<string>((resolve) => lines.once('close', () => resolve('')))
      try {
        const answer = await Promise.race([lines.question(`${question} [y/N] `), closed])
        return ['y', 'yes'].includes(answer.trim().toLowerCase())
      } finally {
        lines.close()
      }
    },
    secret: (question) => readSecret(question, input, output),
  }
}

const ENTER = new Set(['\r', '\n'])
const GIVE_UP = new Set(['\u0003', '\u0004'])
const ERASE = new Set(['\u007f', '\b'])

/** In raw mode nothing is shown of what is typed, and Ctrl-C is a letter like any other. */
function readSecret(
  question: string,
  input: Terminal,
  output: Writable,
): Promise<string | undefined> {
  output.write(question)
  input.setRawMode?.(true)
  input.setEncoding('utf8')
  return new Promise((resolve) => {
    const letters: string[] = []
    const end = (value: string | undefined): void => {
      input.off('data', read)
      input.off('end', giveUp)
      input.setRawMode?.(false)
      input.pause()
      output.write('\n')
      resolve(value)
    }
    const giveUp = (): void => end(undefined)
    const read = (chunk: string): void => {
      for (const letter of chunk) {
        if (ENTER.has(letter) || GIVE_UP.has(letter)) {
          end(ENTER.has(letter) ? letters.join('') : undefined)
          return
        }
        if (ERASE.has(letter)) letters.pop()
        else if (letter >= ' ' && letters.length < PASSPHRASE_BYTES_MAX) letters.push(letter)
      }
    }
    input.on('data', read)
    input.once('end', giveUp)
    input.resume()
  })
}

/** The person at this process's own terminal; `undefined` where none sits there. */
export function askTerminal(): Ask | undefined {
  if (process.stdin.isTTY !== true || process.stderr.isTTY !== true) return undefined
  return askAt(process.stdin, process.stderr)
}
