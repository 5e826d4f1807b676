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

const UNIT_MS: Readonly<Record<string, number>> = { s: 1e3, m: 60e3, h: 3_600e3, d: 86_400e3 }

/** A duration given on the command line, as in `90s`, `10m`, `12h`, `40d`. Milliseconds. */
export function durationOption(name: string, text: string): number {
  const [, count = '', unit = ''] = /^([1-9][0-9]{0,6})([smhd])$/.exec(text) ?? []
  const ms = Number(count) * (UNIT_MS[unit] ?? Number.NaN)
  if (Number.isSafeInteger(ms) && ms > 0) return ms
  throw new DeskError(
    'USAGE',
    `${name} takes a duration such as 90s, 10m, 12h or 40d, not ${JSON.stringify(text)}`,
  )
}

/** A moment given on the command line: `+40d` from now, or a date as ISO 8601 writes it. Milliseconds since 1970. */
export function momentOption(name: string, text: string, now: number): number {
  if (text.startsWith('+')) return now + durationOption(name, text.slice(1))
  const moment = /^[0-9]{4}-[0-9]{2}-[0-9]{2}/.test(text) ? Date.parse(text) : Number.NaN
  if (Number.isSafeInteger(moment)) return moment
  throw new DeskError(
    'USAGE',
    `${name} takes +40d or a date such as 2027-01-31, not ${JSON.stringify(text)}`,
  )
}
