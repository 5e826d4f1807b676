import { COLON, CR, HTAB, IS_TOKEN, IS_VALUE, LF, SPACE } from './characters.ts'
import * as FAULTS from './faults.ts'
import {
  CONNECTION,
  CONTENT_LENGTH,
  EXPECT,
  hashOf,
  HOST,
  meaningAt,
  nameAt,
  OTHER,
  placeOf,
  TRANSFER_ENCODING,
  UPGRADE,
} from './field-names.ts'
import { LENGTH_DIGITS_MAX } from './limits.ts'
import type { HeadFault } from './message.ts'

/*
 * The header section of a message, or its trailers (RFC 9112 sections 5 and 7.1.2). Stricter than the grammar of old:
 *
 * - lines end with CR LF, and nothing is folded
 * - a name is a token with the colon right behind it; a value holds no control character but tabs
 * - one Host, one Content-Length of digits only, one Transfer-Encoding that is `chunked`
 */

/** More bytes are needed. */
export const MORE = -1

/** What headers say of the message itself. One is filled again and again: parsing waits for nothing. */
export interface FieldFacts {
  /** -1: there is none. */
  length: number
  chunked: boolean
  hosts: number
  close: boolean
  keepAlive: boolean
  upgradeNamed: boolean
  /** In lower case. */
  upgrade: string | undefined
  expect: 'nothing' | 'continue' | 'other'
  /** Each line is name, colon, one space, value: as we would write it. */
  plain: boolean
}
export const newFacts = (): FieldFacts => ({
  length: -1,
  chunked: false,
  hosts: 0,
  close: false,
  keepAlive: false,
  upgradeNamed: false,
  upgrade: undefined,
  expect: 'nothing',
  plain: true,
})
export function clearFacts(facts: FieldFacts): void {
  facts.length = -1
  facts.chunked = false
  facts.hosts = 0
  facts.close = false
  facts.keepAlive = false
  facts.upgradeNamed = false
  facts.upgrade = undefined
  facts.expect = 'nothing'
  facts.plain = true
}

/** Where fields go: flat headers, and what they mean. */
export interface FieldTarget {
  readonly headers: string[]
  readonly facts: FieldFacts
  readonly headersMax: number
}

/** Reads fields from `at` on. Gives the offset behind the empty line that ends them, or `MORE`, or a fault. */
export function parseFields(text: string, from: number, into: FieldTarget): number | HeadFault {
  const { headers, facts } = into
  const length = text.length
  for (let at = from; ; ) {
    if (at >= length) return MORE
    if (text.charCodeAt(at) === CR) return lineEnd(text, at)
    const nameFrom = at
    let hash = 0
    // No character behind the end is asked for: the compiler would take that for usual, and no longer for cheap.
    for (; at < length; at++) {
      const code = text.charCodeAt(at)
      if (IS_TOKEN[code] !== 1) break
      hash = hashOf(hash, code)
    }
    if (at === length) return MORE
    if (at === nameFrom || text.charCodeAt(at) !== COLON) return nameFault(text, nameFrom, at)
    const place = placeOf(text, nameFrom, at, hash)
    const meaning = meaningAt(place)
    const nameTo = at++
    while (at < length && isBlank(text.charCodeAt(at))) at++
    const valueFrom = at
    while (at < length && IS_VALUE[text.charCodeAt(at)] === 1) at++
    if (at === length) return MORE
    const next = text.charCodeAt(at) === CR ? lineEnd(text, at) : valueFault(text, at)
    if (typeof next !== 'number' || next === MORE) return next
    let valueTo = at
    while (valueTo > valueFrom && isBlank(text.charCodeAt(valueTo - 1))) valueTo--
    if (valueTo < at && meaning === TRANSFER_ENCODING && text.slice(valueTo, at).includes('\t'))
      return FAULTS.tab
    if (headers.length >= 2 * into.headersMax) return FAULTS.tooManyHeaders
    const value = text.slice(valueFrom, valueTo)
    headers.push(nameAt(place), value)
    if (valueTo !== at || valueFrom !== nameTo + 2 || text.charCodeAt(nameTo + 1) !== SPACE)
      facts.plain = false
    const fault = meaning === OTHER ? undefined : note(facts, meaning, value)
    if (fault !== undefined) return fault
    at = next
  }
}

const isBlank = (code: number): boolean => code === SPACE || code === HTAB

/** Behind the CR LF at `at`, where there is a CR. */
export function lineEnd(text: string, at: number): number | HeadFault {
  if (at + 1 >= text.length) return MORE
  return text.charCodeAt(at + 1) === LF ? at + 2 : FAULTS.lineEnd
}

function nameFault(text: string, from: number, at: number): HeadFault {
  const code = text.charCodeAt(at)
  if (code === LF) return FAULTS.lineEnd
  if (isBlank(code)) return at === from ? FAULTS.fold : FAULTS.nameSpace
  return code === COLON ? FAULTS.name : FAULTS.nameCharacter
}

const valueFault = (text: string, at: number): HeadFault =>
  text.charCodeAt(at) === LF ? FAULTS.lineEnd : FAULTS.valueCharacter

function note(facts: FieldFacts, meaning: number, value: string): HeadFault | undefined {
  switch (meaning) {
    case HOST:
      return ++facts.hosts > 1 ? FAULTS.hostTwice : undefined
    case EXPECT:
      noteExpect(facts, value)
      return undefined
    case UPGRADE:
      noteUpgrade(facts, value)
      return undefined
    case CONNECTION:
      noteConnection(facts, value.toLowerCase())
      return undefined
    case CONTENT_LENGTH:
      return noteLength(facts, value)
    default:
      return noteCoding(facts, value)
  }
}

function noteExpect(facts: FieldFacts, value: string): void {
  const isContinue = value.toLowerCase() === '100-continue' && facts.expect !== 'other'
  facts.expect = isContinue ? 'continue' : 'other'
}
function noteUpgrade(facts: FieldFacts, value: string): void {
  const lower = value.toLowerCase()
  facts.upgrade = facts.upgrade === undefined ? lower : `${facts.upgrade}, ${lower}`
}
function noteConnection(facts: FieldFacts, value: string): void {
  if (value === 'keep-alive') facts.keepAlive = true
  else if (value === 'close') facts.close = true
  else
    for (const each of value.split(',')) {
      const option = each.trim()
      if (option === 'close') facts.close = true
      else if (option === 'keep-alive') facts.keepAlive = true
      else if (option === 'upgrade') facts.upgradeNamed = true
    }
}
function noteLength(facts: FieldFacts, value: string): HeadFault | undefined {
  if (facts.length !== -1) return FAULTS.lengthTwice
  if (value.length === 0 || value.length > LENGTH_DIGITS_MAX) return FAULTS.lengthDigits
  let length = 0
  for (let i = 0; i < value.length; i++) {
    const digit = value.charCodeAt(i) - 0x30
    if (!(digit >= 0 && digit <= 9)) return FAULTS.lengthDigits
    length = length * 10 + digit
  }
  facts.length = length
  return undefined
}
function noteCoding(facts: FieldFacts, value: string): HeadFault | undefined {
  if (facts.chunked) return FAULTS.codingTwice
  if (value.toLowerCase() !== 'chunked') return FAULTS.coding
  facts.chunked = true
  return undefined
}
