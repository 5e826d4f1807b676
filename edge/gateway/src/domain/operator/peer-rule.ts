import { addressBytes } from '@countersign/ground/http1'

/** Addresses and ports of a Kong route's `sources` or `destinations`: one of the entries must fit, with all that it names. */
export interface PeerRule {
  readonly network: { readonly bytes: Buffer; readonly bits: number } | undefined
  readonly port: number | undefined
}

/** Reads an entry; a text says what is wrong with it. */
export function parsePeerRule(entry: {
  readonly ip?: string
  readonly port?: number
}): PeerRule | string {
  const { ip, port } = entry
  if (ip === undefined) return { network: undefined, port }
  const [address = '', length] = ip.split('/')
  const bytes = addressBytes(address)
  const bits = length === undefined ? (bytes?.length ?? 0) * 8 : Number(length)
  if (bytes === undefined || !Number.isInteger(bits) || bits < 0 || bits > bytes.length * 8)
    return `${JSON.stringify(ip)} is no address and no network`
  return { network: { bytes, bits }, port }
}

/** Whether one entry fits. What is not known of the peer fits nothing that names it. */
export function matchPeer(
  rules: readonly PeerRule[],
  address: string | undefined,
  port: number | undefined,
): boolean {
  const bytes = address === undefined ? undefined : addressBytes(address)
  for (const rule of rules) {
    if (rule.port !== undefined && rule.port !== port) continue
    if (rule.network === undefined) return true
    if (bytes !== undefined && isWithin(bytes, rule.network)) return true
  }
  return false
}

function isWithin(
  address: Buffer,
  { bytes, bits }: { readonly bytes: Buffer; readonly bits: number },
): boolean {
  if (address.length !== bytes.length) return false
  for (let i = 0; i * 8 < bits; i++) {
    const mask = bits - i * 8 >= 8 ? 0xff : (0xff00 >> (bits - i * 8)) & 0xff
    if (((address[i] ?? 0) & mask) !== ((bytes[i] ?? 0) & mask)) return false
  }
  return true
}
