import { openDesk } from '../desk.ts'
import { runProgram } from '../program.ts'
import type { Ask } from '../terminal/ask.ts'
import { colours } from '../terminal/colours.ts'

export interface Ran {
  readonly code: number
  readonly out: string
  readonly notes: string
}

/** Runs a command line on the platform of `home`; words are divided by spaces, or given as they are. */
export function runLine(home: string, line: string | readonly string[], ask?: Ask): Promise<Ran> {
  return runLineIn(home, line, { env: { COUNTERSIGN_HOME: home }, ask })
}

/** Runs a command line in a folder, with more in its environment than the way to programs. */
export async function runLineIn(
  folder: string,
  line: string | readonly string[],
  { env = {}, ask }: { readonly env?: Record<string, string>; readonly ask?: Ask | undefined } = {},
): Promise<Ran> {
  const out: string[] = []
  const notes: string[] = []
  const output = {
    colours: colours(false),
    interactive: false,
    line: (text = '') => void out.push(text),
    json: (value: unknown) => void out.push(JSON.stringify(value)),
    note: (text: string) => void notes.push(text),
  }
  const desk = openDesk({ env: { PATH: process.env.PATH, ...env }, folder, output, ask })
  const words = typeof line === 'string' ? line.split(' ').filter(Boolean) : line
  const code = await runProgram(words, desk)
  return { code, out: out.join('\n'), notes: notes.join('\n') }
}
