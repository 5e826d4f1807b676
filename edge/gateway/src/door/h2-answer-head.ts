import type { FlatHeaders } from '@countersign/ground/http1'
import { isFieldText, isLowerToken } from './field-text.ts'
import { declaredLength } from './frame-answer.ts'

/*
 * The head of an answer as HTTP/2 has it (RFC 9113 section 8.2): names in lower case, nothing about the connection. The
 * engine writes what it is given, so what could be read as two headers elsewhere ends here.
 */

export interface AnswerHead {
  /** Name, value, name, value …, with `:status`. */
  readonly list: string[]
  /** The `content-length` among them; -1 where there is none. */
  readonly length: number
}

/** Throws `TypeError` for a header that is none, or that only the door may write. */
export function answerHead(status: number, headers: FlatHeaders): AnswerHead {
  if (!(status >= 200 && status <= 599)) throw new TypeError('this status cannot be written')
  const length = declaredLength(headers)
  const list = [':status', String(status)]
  appendFields(list, headers)
  return { list, length }
}

/** As the engine takes trailers; what would frame the message is left out. Throws `TypeError` for what is none. */
export function trailerFields(trailers: FlatHeaders): Record<string, string | string[]> {
  const flat: string[] = []
  appendFields(flat, trailers)
  const fields: Record<string, string | string[]> = Object.create(null)
  for (let i = 0; i + 1 < flat.length; i += 2) {
    const name = flat[i] ?? ''
    const value = flat[i + 1] ?? ''
    if (NEVER_TRAILING.has(name)) continue
    const known = fields[name]
    fields[name] =
      known === undefined ? value : [...(typeof known === 'string' ? [known] : known), value]
  }
  return fields
}

/** Headers that would frame, route or unlock a message (RFC 9110 section 6.5.1). */
const NEVER_TRAILING: ReadonlySet<string> = new Set([
  ...['content-length', 'transfer-encoding', 'host', 'trailer', 'content-encoding'],
  ...['content-type', 'content-range', 'te', 'authorization', 'set-cookie'],
])
const OF_CONNECTION: ReadonlySet<string> = new Set([
  ...['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade'],
])

function appendFields(list: string[], headers: FlatHeaders): void {
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = (headers[i] ?? '').toLowerCase()
    const value = headers[i + 1] ?? ''
    if (!isLowerToken(name)) throw new TypeError('the name of a header cannot be written')
    if (!isFieldText(value)) throw new TypeError(`the value of ${name} cannot be written`)
    if (!OF_CONNECTION.has(name)) list.push(name, value)
  }
}
