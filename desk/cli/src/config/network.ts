import { isIP } from 'node:net'

/** Whether a text is a network in the notation of CIDR, as in `10.0.0.0/8` and `fd00::/8` (RFC 4632, RFC 4291). */
export function isNetwork(text: string): boolean {
  const [address = '', bits = '', ...more] = text.split('/')
  const version = isIP(address)
  if (version === 0 || more.length > 0 || !/^[0-9]{1,3}$/.test(bits)) return false
  return Number(bits) <= (version === 4 ? 32 : 128)
}
