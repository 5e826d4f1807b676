import type { IncomingMessage } from 'node:http'
import { Refusal } from '@countersign/layers'
import { OUTSIDE_BODY_BYTES_MAX, OUTSIDE_URL_CHARS_MAX } from './limits.ts'
import type { OutsideRoute } from './outside-route.ts'

const HOST =
  /^([a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?$/

/** The path as it was sent and its query. Throws `Refusal` where the target has another form, or is too long. */
export function readTarget(target: string): { path: string; query: URLSearchParams } {
  if (target.length > OUTSIDE_URL_CHARS_MAX) throw new Refusal('URI_TOO_LONG')
  // Absolute forms and `*` are for proxies; this is none.
  if (!target.startsWith('/')) throw new Refusal('REQUEST_INVALID', { detail: 'not a path' })
  const [path = '/'] = target.split('?', 1)
  return { path, query: new URLSearchParams(target.slice(path.length + 1)) }
}

/**
 * Exactly one Host (RFC 9112, 3.2), and it is one of ours: a page of somebody else's name must not be ours (security
 * of the browser rests on that). HTTP/1.0, which some readers of OCSP speak, may have none.
 * Throws `Refusal` REQUEST_INVALID or HOST_UNKNOWN.
 */
export function checkHost(
  { rawHeaders, httpVersion }: Pick<IncomingMessage, 'rawHeaders' | 'httpVersion'>,
  hosts: ReadonlySet<string>,
): void {
  const found = rawHeaders.filter((_, i) => i % 2 && rawHeaders[i - 1]?.toLowerCase() === 'host')
  if (found.length === 0 && httpVersion === '1.0') return
  const match = found.length === 1 ? HOST.exec(found[0]?.toLowerCase() ?? '') : null
  if (match === null) throw new Refusal('REQUEST_INVALID', { detail: 'one Host is required' })
  if (!hosts.has(match[1] ?? '')) throw new Refusal('HOST_UNKNOWN')
}

/** Reads the body of a POST. GET and HEAD have none here: nobody would look at it. Throws `Refusal`. */
export async function readBody(request: IncomingMessage, route: OutsideRoute): Promise<Buffer> {
  const bytesMax = request.method === 'POST' ? (route.bodyBytesMax ?? OUTSIDE_BODY_BYTES_MAX) : 0
  const announced = Number(request.headers['content-length'] ?? 0)
  if (!(announced <= bytesMax)) throw tooLarge(bytesMax)
  const chunks: Buffer[] = []
  let length = 0
  try {
    for await (const chunk of request.iterator({ destroyOnReturn: false })) {
      length += (chunk as Buffer).length
      if (!(length <= bytesMax)) throw tooLarge(bytesMax)
      chunks.push(chunk as Buffer)
    }
  } catch (error) {
    if (error instanceof Refusal) throw error
    throw new Refusal('REQUEST_INVALID', { detail: 'the body broke off', cause: error })
  }
  return Buffer.concat(chunks, length)
}

function tooLarge(bytesMax: number): Refusal {
  if (bytesMax === 0) return new Refusal('REQUEST_INVALID', { detail: 'no body is expected' })
  return new Refusal('BODY_TOO_LARGE', { detail: `the body may have ${bytesMax} bytes` })
}
