import { isIPv6, SocketAddress } from 'node:net'

/**
 * What counts as one client: an IPv4 address, or the /64 of an IPv6 address, since whoever has one address of a /64
 * has them all. An IPv4 address in IPv6 clothes is itself. Anything else is taken as it is, cut at 64 characters.
 */
export function addressKey(address: string): string {
  if (address.startsWith('::ffff:') && address.includes('.')) return address.slice(7)
  if (!address.includes(':')) return address.slice(0, 64)
  const [bare = ''] = address.split('%', 1)
  if (!isIPv6(bare)) return address.slice(0, 64)
  const written = new SocketAddress({ address: bare, family: 'ipv6' }).address
  return `${expand(written).slice(0, 4).join(':')}::/64`
}

function expand(address: string): string[] {
  const [head = '', tail] = address.split('::')
  const before = head === '' ? [] : head.split(':')
  const after = tail === undefined || tail === '' ? [] : tail.split(':')
  const gap = tail === undefined ? 0 : 8 - before.length - after.length
  return [...before, ...Array<string>(Math.max(gap, 0)).fill('0'), ...after]
}
