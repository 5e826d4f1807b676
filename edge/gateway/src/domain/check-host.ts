import { detached } from '@countersign/ground/http1'

/*
 * RFC 9112 section 3.2: exactly one Host header, and it names an authority.
 *
 * - a name, an IPv4 address or an IPv6 address in brackets; then perhaps a port
 * - no user, path, space or percent sign; nothing to be repaired
 */
const HOST =
  /^([a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*|\[[0-9a-f:.]+\])(?::([0-9]{1,5}))?$/
const HOST_CHARS_MAX = 259

/** What a Host header names. */
export interface Host {
  /** As received. */
  readonly raw: string
  /** Without its port, in lower case. */
  readonly name: string
  /** That of the scheme where it names none. */
  readonly port: number
}
/** The one of the request before: it is mostly the same. */
let last: Host | undefined

/** What the Host header says; `undefined` for what breaks a rule. `rawHeaders`: name, value, name, value … */
export function checkHost(rawHeaders: readonly string[]): Host | undefined {
  let found: string | undefined
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]
    if (name?.length !== 4 || name.toLowerCase() !== 'host') continue
    if (found !== undefined) return undefined
    found = rawHeaders[i + 1]
  }
  if (found === undefined || found.length > HOST_CHARS_MAX) return undefined
  if (last?.raw === found) return last
  const [, name, digits] = HOST.exec(found.toLowerCase()) ?? []
  const port = Number(digits ?? 443)
  if (name === undefined || port > 65_535) return undefined
  last = { raw: detached(found), name, port }
  return last
}
