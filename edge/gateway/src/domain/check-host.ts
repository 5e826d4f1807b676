/*
 * RFC 9112 section 3.2: exactly one Host header, and it names an authority.
 *
 * - a name, an IPv4 address or an IPv6 address in brackets; then perhaps a port
 * - no user, path, space or percent sign; nothing to be repaired
 */
const HOST =
  /^([a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*|\[[0-9a-f:.]+\])(?::([0-9]{1,5}))?$/
const HOST_CHARS_MAX = 259

/** The host without its port, in lower case; `undefined` for what breaks a rule. `rawHeaders` as Node gives them. */
export function checkHost(rawHeaders: readonly string[]): string | undefined {
  let found: string | undefined
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]
    if (name?.length !== 4 || name.toLowerCase() !== 'host') continue
    if (found !== undefined) return undefined
    found = rawHeaders[i + 1]
  }
  if (found === undefined || found.length > HOST_CHARS_MAX) return undefined
  const match = HOST.exec(found.toLowerCase())
  return match === null || Number(match[2] ?? 0) > 65_535 ? undefined : match[1]
}
