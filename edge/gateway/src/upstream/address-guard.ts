import { BlockList, isIP, isIPv4 } from 'node:net'

/*
 * Addresses that an operator's words must not lead to (server-side request forgery): link-local and metadata, loopback,
 * multicast, unspecified, and what leads to IPv4 by another name. Asked of the address that is connected to, never of a name.
 */

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIPv4(address) ? 'ipv4' : 'ipv6'
}

/** Networks of a setting. Throws `TypeError` for what is none. */
export function networks(texts: readonly string[]): BlockList {
  const list = new BlockList()
  for (const text of texts) add(list, text)
  return list
}
function add(list: BlockList, text: string): void {
  const [address = '', bits] = text.split('/')
  if (isIP(address) === 0) throw new TypeError(`${text} is no address and no network`)
  const family = familyOf(address)
  list.addSubnet(
    address,
    bits === undefined ? (family === 'ipv4' ? 32 : 128) : Number(bits),
    family,
  )
}

const REFUSED = networks([
  ...['0.0.0.0/8', '127.0.0.0/8', '169.254.0.0/16', '192.0.0.0/24', '224.0.0.0/4', '240.0.0.0/4'],
  ...['100.100.100.200', '168.63.129.16'],
  ...['::', '::1', 'fe80::/10', 'fec0::/10', 'ff00::/8', 'fd00:ec2::/32'],
  // What leads to IPv4 by another name.
  ...['64:ff9b::/96', '2002::/16', '2001::/32'],
])

/** Whether an address (plain form) may not be asked. */
export function isRefused(address: string, allowed: BlockList): boolean {
  const family = familyOf(address)
  return REFUSED.check(address, family) && !allowed.check(address, family)
}

const LOOPBACK = networks(['127.0.0.0/8', '::1'])

/** What an operator allows beyond our defaults. */
export interface Leave {
  /** Addresses that may be asked although they are refused otherwise. */
  readonly allowed: BlockList
  /** Addresses that may be spoken to without TLS. */
  readonly plain: BlockList
}

/**
 * Why a target may not be connected to at this address (plain form); `undefined` where it may. Loopback is meant where the
 * operator writes it (`asWritten`); a name that leads there is somebody else's idea. Without TLS only loopback is spoken
 * to: whoever is on the way between could read and change all of it.
 */
export function guard(
  address: string,
  { secure, asWritten }: { readonly secure: boolean; readonly asWritten: boolean },
  { allowed, plain }: Leave,
): string | undefined {
  const family = familyOf(address)
  const loopback = LOOPBACK.check(address, family)
  const meant = loopback && (asWritten || plain.check(address, family))
  if (!meant && isRefused(address, allowed))
    return `${address} may not be asked (GATEWAY_UPSTREAM_ALLOW)`
  if (secure || loopback || plain.check(address, family)) return undefined
  return `${address} may not be spoken to without TLS: use https, or allow it (GATEWAY_PLAIN_UPSTREAMS)`
}
