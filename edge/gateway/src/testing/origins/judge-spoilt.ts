import { canonicalPath } from '@countersign/ground/http1'
import type { NodeRequest } from '@countersign/ground/testkit'
import { filterRequestHeaders } from '../../domain/filter-headers.ts'
import { type Client, keptDifference, ownDifference } from './compare.ts'
import { type Sighting, valuesOf } from './recorder.ts'
import type { Got } from './send.ts'

/*
 * A stream with bytes lost, doubled or changed. What is a request in it, Node's own parser says, which gets the same bytes:
 * whatever an origin saw, that parser has seen as well, as a whole, as often, with the same method, target, headers and body.
 */
export function judgeSpoilt(
  theirs: readonly NodeRequest[],
  got: Got,
  seen: readonly Sighting[],
  client: Client,
): string[] {
  const findings = seen.flatMap((each) => ownDifference(each, client) ?? [])
  const left = theirs.filter((each) => each.complete)
  for (const each of seen) {
    const at = left.findIndex((one) => isSame(each, one))
    if (at === -1) findings.push(told(each, theirs))
    else left.splice(at, 1)
  }
  const requestIds = new Set(seen.flatMap((each) => valuesOf(each.headers, 'x-request-id')))
  for (const id of refusedIds(got.text))
    if (requestIds.has(id)) findings.push(`refused, and seen all the same: ${id}`)
  return findings
}

/** Short, whatever the bodies are. */
function told(
  { origin, method, target, body, headers }: Sighting,
  theirs: readonly NodeRequest[],
): string {
  const length = valuesOf(headers, 'content-length').join(', ') || 'none'
  const of = theirs.map(
    (each) =>
      `${each.method} ${each.target} (${each.body.length} bytes, ${each.complete ? 'whole' : 'part'})`,
  )
  return `${origin} saw ${method} ${target} (${body.length} bytes, declared ${length}), which Node did not, but ${of.slice(-3).join(', ')}`
}

function isSame(seen: Sighting, theirs: NodeRequest): boolean {
  const found = canonicalPath(theirs.target)
  if (!found.ok || seen.method !== theirs.method || seen.body !== theirs.body) return false
  const keyed = `/keyed/${seen.origin}`
  const isKeyed = found.path === keyed || found.path.startsWith(`${keyed}/`)
  const path = isKeyed ? found.path.slice(keyed.length) || '/' : found.path
  if (seen.target !== (found.query === '' ? path : `${path}?${found.query}`)) return false
  if (!isKeyed && path !== `/${seen.origin}` && !path.startsWith(`/${seen.origin}/`)) return false
  const kept = filterRequestHeaders(theirs.headers)
  return keptDifference(seen.headers, pairsOf(kept)) === undefined
}

function pairsOf(flat: readonly string[]): [string, string][] {
  const pairs: [string, string][] = []
  for (let i = 0; i + 1 < flat.length; i += 2)
    pairs.push([(flat[i] ?? '').toLowerCase(), flat[i + 1] ?? ''])
  return pairs
}

/** Ids of the requests that the gateway itself has refused as the client's fault. */
function refusedIds(text: string): string[] {
  const heads = text.match(/HTTP\/1\.1 4[0-9]{2} [^\r\n]*\r\n(?:[^\r\n]+\r\n)+/g) ?? []
  return heads.flatMap((head) => /\r\nx-request-id: ([0-9a-f-]{36})/.exec(head)?.[1] ?? [])
}
