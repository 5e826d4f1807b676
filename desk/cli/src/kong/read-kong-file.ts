import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { Desk } from '../desk.ts'
import { DeskError, systemCode } from '../errors.ts'
import { KONG_FILE_CHARS_MAX } from '../limits.ts'
import { printable } from '../terminal/printable.ts'

/** A declarative text and what it is called in messages, as the control plane takes it. */
export interface KongText {
  readonly config: string
  readonly file: string
}

/** Reads a file, or standard input for `-`. Throws `DeskError` USAGE where it cannot be read. */
export async function readKongFile(desk: Desk, name: string): Promise<KongText> {
  try {
    const config =
      name === '-'
        ? await readStandardInput()
        : await readFile(resolve(desk.folder, name), { encoding: 'utf8' })
    if (config.length <= KONG_FILE_CHARS_MAX)
      return { config, file: name === '-' ? 'standard input' : name.slice(-256) }
  } catch (error) {
    if (error instanceof DeskError) throw error
    throw new DeskError('USAGE', `cannot read ${name} (${systemCode(error) ?? 'unknown error'})`, {
      cause: error,
    })
  }
  throw tooLong(name)
}

async function readStandardInput(): Promise<string> {
  let text = ''
  for await (const chunk of process.stdin.setEncoding('utf8')) {
    text += String(chunk)
    if (text.length > KONG_FILE_CHARS_MAX) throw tooLong('standard input')
  }
  return text
}

const tooLong = (name: string): DeskError =>
  new DeskError('USAGE', `${name} has more than ${KONG_FILE_CHARS_MAX} characters`)

/** What the control plane says of a text that cannot be loaded: all mistakes at once. */
export function unusable(
  { file }: KongText,
  { error, mistakes }: { error: { message: string }; mistakes: readonly string[] },
): DeskError {
  const lines = mistakes.length === 0 ? [error.message] : mistakes
  const what = lines.length === 1 ? 'a mistake' : `${lines.length} mistakes`
  const list = lines.map((line) => `  - ${printable(line)}`).join('\n')
  return new DeskError('CONFIGURATION', `${file} has ${what}; nothing was changed:\n${list}`)
}
