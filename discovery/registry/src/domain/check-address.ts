import { BlockList, isIP } from 'node:net'

/*
 * - an address of the loopback is always allowed
 * - any other must be on the operator's list: an IP address, a network such as 10.0.0.0/8, or a host name as it is written
 * - host names that are not on the list are refused, `localhost` too: what they mean can change
 */
export type AllowAddress = (address: string) => boolean

/** Builds the rule from the operator's list. Returns the entries that nobody can read instead, if there are any. */
export function allowAddresses(list: readonly string[]): AllowAddress | { unreadable: string[] } {
  const networks = new BlockList()
  networks.addSubnet('127.0.0.0', 8, 'ipv4')
  networks.addAddress('::1', 'ipv6')
  const hosts = new Set<string>()
  const unreadable = list.filter((entry) => !addEntry(entry.toLowerCase(), networks, hosts))
  if (unreadable.length > 0) return { unreadable }
  return (address) => {
    const family = isIP(address)
    if (family === 0) return hosts.has(address.toLowerCase())
    return networks.check(address, family === 4 ? 'ipv4' : 'ipv6')
  }
}

function addEntry(entry: string, networks: BlockList, hosts: Set<string>): boolean {
  const [address = '', bits, ...rest] = entry.split('/')
  const family = isIP(address)
  if (rest.length > 0) return false
  if (family === 0) {
    if (bits !== undefined || !/^[a-z0-9][a-z0-9.-]{0,252}$/.test(entry)) return false
    hosts.add(entry)
    return true
  }
  const kind = family === 4 ? 'ipv4' : 'ipv6'
  const width = family === 4 ? 32 : 128
  if (bits === undefined) networks.addAddress(address, kind)
  else if (/^[0-9]{1,3}$/.test(bits) && Number(bits) <= width)
    networks.addSubnet(address, Number(bits), kind)
  else return false
  return true
}
