import type { FlatHeaders, PluginRequest } from '@countersign/kong'
import type { Entry } from './entry.ts'
import { combined, dateOf, opaqueTags } from './fields.ts'

/** An answer made of a stored one. */
export interface Served {
  readonly status: number
  readonly headers: FlatHeaders
  readonly body: Buffer
}

/*
 * What a client gets of a stored answer:
 * 1. 304 where it has the same already (RFC 9110 section 13.2.2; If-None-Match goes before If-Modified-Since)
 * 2. a part of it where it asks for one range (RFC 9110 section 14; several ranges get the whole)
 * 3. the whole
 */
export function serve(entry: Entry, asked: PluginRequest): Served {
  if (isKnown(entry, asked)) return { status: 304, headers: forKnown(entry.headers), body: NOTHING }
  const range = entry.status === 200 && asked.method === 'GET' ? rangeOf(entry, asked) : undefined
  const size = entry.body.length
  if (range === undefined) {
    // Where no body follows, nobody but the cache can know how long it would be.
    const length = asked.method === 'HEAD' ? ['Content-Length', String(size)] : []
    return { status: entry.status, headers: [...entry.headers, ...length], body: entry.body }
  }
  if (range === 'unsatisfiable')
    return { status: 416, headers: ['Content-Range', `bytes */${size}`], body: NOTHING }
  const [first, last] = range
  const headers = [...entry.headers, 'Content-Range', `bytes ${first}-${last}/${size}`]
  return { status: 206, headers, body: entry.body.subarray(first, last + 1) }
}
const NOTHING = Buffer.alloc(0)

function isKnown(entry: Entry, asked: PluginRequest): boolean {
  if (entry.status !== 200) return false
  const tags = combined(asked.headers, 'if-none-match')
  if (tags !== undefined) {
    if (tags.trim() === '*') return true
    const [own] = opaqueTags(entry.etag ?? '')
    return own !== undefined && opaqueTags(tags).includes(own)
  }
  const since = dateOf(asked.header('if-modified-since'))
  const modified = dateOf(entry.lastModified)
  return since !== undefined && modified !== undefined && modified <= since
}

/** RFC 9110 section 15.4.5: what a 200 would have said, without what speaks of its bytes. */
const forKnown = (headers: FlatHeaders): FlatHeaders =>
  headers.filter((_, i) => {
    const name = (headers[i - (i % 2)] ?? '').toLowerCase()
    return !name.startsWith('content-') || name === 'content-location'
  })

const RANGE = /^bytes=\s*([0-9]{0,15})-([0-9]{0,15})\s*$/i

function rangeOf(
  entry: Entry,
  asked: PluginRequest,
): [number, number] | 'unsatisfiable' | undefined {
  const [, from = '', to = ''] = RANGE.exec(combined(asked.headers, 'range') ?? '') ?? []
  if ((from === '' && to === '') || !holdsIf(entry, asked.header('if-range'))) return undefined
  const end = entry.body.length - 1
  const first = from === '' ? Math.max(end + 1 - Number(to), 0) : Number(from)
  const last = from === '' || to === '' ? end : Math.min(Number(to), end)
  if (from !== '' && to !== '' && Number(to) < Number(from)) return undefined
  return first > end || (from === '' && Number(to) === 0) ? 'unsatisfiable' : [first, last]
}
/** RFC 9110 section 13.1.5: strong comparison; a date has to be the very same. */
function holdsIf(entry: Entry, condition: string | undefined): boolean {
  if (condition === undefined) return true
  if (condition.startsWith('"')) return condition === entry.etag
  return condition === entry.lastModified
}
