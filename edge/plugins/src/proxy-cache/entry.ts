import { createHash } from 'node:crypto'
import type { FlatHeaders, PluginRequest } from '@countersign/kong'
import type { ProxyCacheConfig } from './config.ts'
import { combined, members } from './fields.ts'
import { type Freshness, freshnessOf } from './freshness.ts'
import { ENTRY_OVERHEAD_BYTES, SECONDS_MAX, STALE_KEPT_S } from './limits.ts'

/** A stored answer. */
export interface Entry {
  readonly status: number
  /** As they are given out, without those of a connection, without Age and Content-Length. */
  readonly headers: FlatHeaders
  readonly body: Buffer
  readonly freshness: Freshness
  /** Headers of a request that the answer depends on, and a digest of what they were. */
  readonly varyNames: readonly string[]
  readonly varyDigest: string
  readonly etag: string | undefined
  readonly lastModified: string | undefined
  /** Milliseconds since 1970, until when it is kept. */
  readonly keptUntil: number
  readonly bytes: number
}

/** Of one connection, RFC 9111 section 3.1; and what is made anew each time. */
const NOT_STORED: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authentication-info',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'age',
  'content-length',
  'x-cache-key',
  'x-cache-status',
])
/** Speak of the bytes, which a 304 does not change. RFC 9111 section 3.2. */
const NOT_UPDATED: ReadonlySet<string> = new Set([
  ...NOT_STORED,
  'content-encoding',
  'content-md5',
  'content-range',
  'content-digest',
  'etag',
  'set-cookie',
])

/** What is needed to store an answer, once its bytes are there; `undefined` where it must not be stored. */
export interface Storable {
  readonly freshness: Freshness
  entry(body: Buffer): Entry
}
export function storable(
  answered: { readonly status: number; readonly headers: FlatHeaders },
  asked: PluginRequest,
  { config, now }: { readonly config: ProxyCacheConfig; readonly now: () => number },
): Storable | undefined {
  const received = withDate(answered.headers, now())
  const freshness = freshnessOf({ status: answered.status, headers: received }, config, now)
  if (freshness === undefined) return undefined
  const etag = combined(received, 'etag')
  const lastModified = combined(received, 'last-modified')
  const canBeAsked = etag !== undefined || lastModified !== undefined
  if (freshness.lifetimeS - freshness.age() <= 0 && !canBeAsked) return undefined
  const headers = storedHeaders(withoutSaid(received, asked))
  const varyNames = members(combined(received, 'vary')).sort()
  const stale = Math.max(freshness.staleIfErrorS, canBeAsked ? STALE_KEPT_S : 0)
  const keptS = config.storage_ttl ?? Math.min(freshness.lifetimeS + stale, SECONDS_MAX)
  return {
    freshness,
    entry: (body) => ({
      status: answered.status,
      headers,
      body,
      freshness,
      varyNames,
      varyDigest: varyDigest(asked, varyNames),
      etag,
      lastModified,
      keptUntil: now() + keptS * 1_000,
      bytes: ENTRY_OVERHEAD_BYTES + body.length + headers.join('').length,
    }),
  }
}

/** The same answer after a 304 that confirms it: with the newer headers. RFC 9111 section 4.3.4. */
export function updated(headers: FlatHeaders, told: FlatHeaders): FlatHeaders {
  const named = new Set(members(combined(told, 'connection')))
  const newer: string[] = []
  const names = new Set(['date'])
  for (let i = 0; i + 1 < told.length; i += 2) {
    const name = (told[i] ?? '').toLowerCase()
    if (NOT_UPDATED.has(name) || named.has(name)) continue
    names.add(name)
    newer.push(told[i] ?? '', told[i + 1] ?? '')
  }
  const kept = headers.filter((_, i) => !names.has((headers[i - (i % 2)] ?? '').toLowerCase()))
  return [...kept, ...newer]
}

/** What a request says in the headers that an answer depends on; compared, never shown. */
export function varyDigest(asked: PluginRequest, names: readonly string[]): string {
  if (names.length === 0) return ''
  const values = names.map((name) =>
    asked
      .all(name)
      .map((value) => value.trim())
      .join(', '),
  )
  const present = names.map((name) => asked.header(name) !== undefined)
  return createHash('sha256')
    .update(JSON.stringify([values, present]))
    .digest('base64url')
}

function storedHeaders(headers: FlatHeaders): FlatHeaders {
  const named = new Set(members(combined(headers, 'connection')))
  return headers.filter((_, i) => {
    const name = (headers[i - (i % 2)] ?? '').toLowerCase()
    return !NOT_STORED.has(name) && !named.has(name)
  })
}
/** What plugins have said of this one answer (limits, CORS) they say of the next one anew. */
export function withoutSaid(
  headers: FlatHeaders,
  { answerHeaders: { flat } }: PluginRequest,
): FlatHeaders {
  const kept = [...headers]
  for (let i = 0; i + 1 < flat.length; i += 2) {
    const at = kept.findIndex(
      (name, j) => j % 2 === 0 && name === flat[i] && kept[j + 1] === flat[i + 1],
    )
    if (at !== -1) kept.splice(at, 2)
  }
  return kept
}
/** RFC 9110 section 6.6.1: whoever receives an answer without a date gives it one. */
const withDate = (headers: FlatHeaders, nowMs: number): FlatHeaders =>
  combined(headers, 'date') === undefined
    ? [...headers, 'Date', new Date(nowMs).toUTCString()]
    : headers
