import type { PluginAnswer, PluginRequest } from '@countersign/kong'
import { type Entry, varyDigest } from './entry.ts'
import type { Freshness } from './freshness.ts'

/** Whether a stored answer is for this request: what Vary names is the same, and credentials may share it. */
export const fits = (entry: Entry, asked: PluginRequest): boolean =>
  mayShare(entry.freshness, asked) && varyDigest(asked, entry.varyNames) === entry.varyDigest

/** RFC 9111 section 3.5; a cookie may make an answer personal as well, which the RFC leaves open. */
export function mayShare({ isForAll, isPublic }: Freshness, asked: PluginRequest): boolean {
  if (asked.header('cookie') !== undefined && !isPublic) return false
  return asked.header('authorization') === undefined || isForAll
}

export const mayReplaceError = ({ freshness }: Entry): boolean =>
  freshness.staleIfErrorS > 0 && freshness.age() < freshness.lifetimeS + freshness.staleIfErrorS

/** Whether the answer to a HEAD speaks of something else than what is stored (RFC 9111 section 4.3.5). */
export function differs(entry: Entry, { status, headers }: PluginAnswer): boolean {
  if (status !== 200) return false
  const length = headers.get('content-length')
  if (length !== undefined && Number(length) !== entry.body.length) return true
  return headers.get('etag') !== entry.etag || headers.get('last-modified') !== entry.lastModified
}
