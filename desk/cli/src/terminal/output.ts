import { type Colours, colours, wantsColour } from './colours.ts'

/** Where a command writes. Standard output carries the answer, standard error all that is said around it. */
export interface Output {
  readonly colours: Colours
  /** Whether a person watches standard error. */
  readonly interactive: boolean
  line(text?: string): void
  json(value: unknown): void
  note(text: string): void
}

export function terminalOutput(noColour: string | undefined): Output {
  return {
    colours: colours(wantsColour(process.stdout.isTTY, noColour)),
    interactive: process.stderr.isTTY === true,
    line: (text = '') => void process.stdout.write(`${text}\n`),
    json: (value) => void process.stdout.write(`${JSON.stringify(value)}\n`),
    note: (text) => void process.stderr.write(`${text}\n`),
  }
}
