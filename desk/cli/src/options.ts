import { DeskError } from './errors.ts'
import { COUNT_MAX } from './limits.ts'

/** A number given on the command line. */
export function countOption(name: string, text: string): number {
  const count = Number(text)
  if (/^[0-9]+$/.test(text) && count <= COUNT_MAX) return count
  throw new DeskError(
    'USAGE',
    `${name} takes a number from 0 to ${COUNT_MAX}, not ${JSON.stringify(text)}`,
  )
}
