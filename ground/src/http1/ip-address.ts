import { isIPv4, isIPv6, SocketAddress } from 'node:net'

const MAPPED = /^::ffff:([0-9]{1,3}(?:\.[0-9]{1,3}){3})$/i

/**
 * One form for one address: IPv4 inside IPv6 becomes IPv4, zones go, IPv6 is compressed and in lower case.
 * What is no address comes back as it is.
 */
export function plainAddress(address: string): string {
  if (isIPv4(address)) return address
  const bare = address.split('%')[0] ?? ''
  if (!isIPv6(bare)) return address
  const text = new SocketAddress({ address: bare, family: 'ipv6' }).address
  return MAPPED.exec(text)?.[1] ?? text
}

/** The bytes of an IP address in network order: 4 or 16 of them; `undefined` for anything else. */
export function addressBytes(address: string): Buffer | undefined {
  const plain = plainAddress(address)
  if (isIPv4(plain)) return Buffer.from(plain.split('.').map(Number))
  if (!isIPv6(plain)) return undefined
  const [left = '', right] = plain.split('::')
  const head = groups(left)
  const tail = right === undefined ? [] : groups(right)
  const zeros = new Array<number>(8 - head.length - tail.length).fill(0)
  return Buffer.from([...head, ...zeros, ...tail].flatMap((group) => [group >> 8, group & 0xff]))
}

function groups(text: string): number[] {
  if (text === '') return []
  return text.split(':').flatMap((group) => {
    if (!group.includes('.')) return [Number.parseInt(group, 16)]
    const [a = 0, b = 0, c = 0, d = 0] = group.split('.').map(Number)
    return [(a << 8) | b, (c << 8) | d]
  })
}

/** The address that 4 or 16 bytes stand for, in its plain form. */
export function addressText(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.')
  const hex = Buffer.from(bytes).toString('hex')
  return plainAddress((hex.match(/.{4}/g) ?? []).join(':'))
}
