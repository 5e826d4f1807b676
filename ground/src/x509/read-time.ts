import { type Der, TAG } from './der.ts'
import { malformed } from './errors.ts'

/**
 * A moment, in milliseconds since 1970: UTCTime, or GeneralizedTime with seconds and without parts of them, both in
 * UTC (RFC 5280, 4.1.2.5). Throws `X509Error` MALFORMED.
 */
export function readTime(der: Der | undefined): number {
  if (der?.tag === TAG.generalizedTime) return moment(der.value, 4)
  if (der?.tag !== TAG.utcTime) throw malformed('a time is missing')
  return moment(der.value, 2)
}

function moment(text: Buffer, yearDigits: 2 | 4): number {
  if (text.length !== yearDigits + 11 || text[yearDigits + 10] !== 0x5a) throw wrong()
  const year =
    yearDigits === 4 ? number(text, 0) * 100 + number(text, 2) : fullYear(number(text, 0))
  const month = number(text, yearDigits)
  const day = number(text, yearDigits + 2)
  const hour = number(text, yearDigits + 4)
  const minute = number(text, yearDigits + 6)
  const second = number(text, yearDigits + 8)
  const exists = month >= 1 && month <= 12 && day >= 1 && day <= daysOf(year, month)
  if (!exists || hour > 23 || minute > 59 || second > 59) throw wrong()

  if (year < 100) throw wrong()
  return Date.UTC(year, month - 1, day, hour, minute, second)
}

function daysOf(year: number, month: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31
}

const fullYear = (year: number): number => (year >= 50 ? 1900 + year : 2000 + year)

function number(text: Buffer, at: number): number {
  const tens = (text[at] ?? 0) - 0x30
  const ones = (text[at + 1] ?? 0) - 0x30
  if (!(tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9)) throw wrong()
  return tens * 10 + ones
}

const wrong = () => malformed('a time is malformed')
