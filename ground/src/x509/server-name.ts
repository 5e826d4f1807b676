import { isIP } from 'node:net'
import type { Name } from './write-extensions.ts'

const LABEL = '[a-z0-9](?:[a-z0-9-]{0,62})'
const HOST_NAME = new RegExp(`^(?=.{1,253}$)${LABEL}(?:\\.${LABEL})*$`)
const WILDCARD_NAME = new RegExp(`^(?=.{1,253}$)\\*(?:\\.${LABEL}){2,}$`)

/** Whether a certificate can be for this name: an IP address, or a host name in lower case without wildcard. */
export function isServerName(name: string): boolean {
  return isIP(name) !== 0 || HOST_NAME.test(name)
}

/** Whether it is a host name with `*` for its first label, and with two labels more. */
export function isWildcardName(name: string): boolean {
  return WILDCARD_NAME.test(name)
}

/** The name in a certificate. Throws `TypeError` for one that it cannot have. */
export function serverName(name: string, options: { wildcard?: boolean } = {}): Name {
  const allowed = isServerName(name) || (options.wildcard === true && isWildcardName(name))
  if (!allowed) throw new TypeError(`not a host name: ${JSON.stringify(name)}`)
  return isIP(name) === 0 ? { dns: name } : { ip: name }
}
