import { isIPv4, isIPv6 } from 'node:net'

/**
 * What counts as one source of logins: an IPv4 address, or the /64 of an IPv6 address, since whoever has
 * one address there has them all. Anything that is no address counts as one source called `unknown`.
 */
export function sourceOf(address: string | undefined): string {
  if (address === undefined) return 'unknown'
  const mapped = /^::ffff:([0-9.]+)$/i.exec(address)?.[1]
  if (mapped !== undefined && isIPv4(mapped)) return mapped
  if (isIPv4(address)) return address
  return isIPv6(address) ? `${firstGroups(address)}::/64` : 'unknown'
}

function firstGroups(address: string): string {
  const [plain = ''] = address.split('%')
  const [head = '', tail] = plain.toLowerCase().split('::')
  const before = head === '' ? [] : head.split(':')
  const after = tail === undefined || tail === '' ? [] : tail.split(':')
  // An embedded IPv4 address stands for two groups; it lies in the last 32 bits, which do not matter here.
  const written = before.length + after.length + (plain.includes('.') ? 1 : 0)
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - written)
  const groups = [...before, ...new Array<string>(zeros).fill('0'), ...after]
  return groups
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':')
}
