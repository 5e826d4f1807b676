import { addressBytes, addressText } from './ip-address.ts'

/*
 * The PROXY protocol, version 2 (haproxy.org, proxy-protocol.txt, sections 2.2 to 2.6): what a balancer writes in
 * front of the bytes of a connection, so that the server behind it learns who really connected.
 *
 *   12 bytes signature | version 2 and command | family and transport | length (2) | addresses | TLVs
 *
 * The reader takes exactly the bytes of the header and not one more: what follows belongs to TLS.
 */
const SIGNATURE = Buffer.from('0d0a0d0a000d0a515549540a', 'hex')
const LOCAL = 0x20
const PROXY = 0x21
const UNSPECIFIED = 0x00
const TCP4 = 0x11
const TCP6 = 0x21
const TLV_UNIQUE_ID = 0x05
const ADDRESS_BYTES: Readonly<Record<number, number>> = { [TCP4]: 4, [TCP6]: 16 }

/** Bytes that tell how long the header is. */
export const PROXY_V2_PREFIX_BYTES = 16
/** Longest unique id by the specification, section 2.2.5. */
export const UNIQUE_ID_BYTES_MAX = 128

export interface Endpoint {
  readonly address: string
  readonly port: number
}
export interface ProxyHeader {
  /** `local`: the proxy itself connected, for a health check; the real ends of the connection count. */
  readonly command: 'local' | 'proxy'
  readonly source?: Endpoint
  readonly destination?: Endpoint
  /** Names the connection in the logs of both sides. ASCII as we write it. */
  readonly uniqueId?: string
}

/** Writes a header. Addresses that are no IP addresses are sent as "unspecified". */
export function encodeProxyV2(header: ProxyHeader): Buffer {
  const addresses = encodeAddresses(header)
  const id = Buffer.from(header.uniqueId ?? '', 'latin1').subarray(0, UNIQUE_ID_BYTES_MAX)
  const tlv = id.length === 0 ? id : Buffer.concat([Buffer.of(TLV_UNIQUE_ID, 0, id.length), id])
  const head = Buffer.alloc(4)
  head[0] = header.command === 'local' ? LOCAL : PROXY
  head[1] = addresses.family
  head.writeUInt16BE(addresses.bytes.length + tlv.length, 2)
  return Buffer.concat([SIGNATURE, head, addresses.bytes, tlv])
}

function encodeAddresses({ command, source, destination }: ProxyHeader): {
  family: number
  bytes: Buffer
} {
  const none = { family: UNSPECIFIED, bytes: Buffer.alloc(0) }
  if (command === 'local' || source === undefined || destination === undefined) return none
  let from = addressBytes(source.address)
  let to = addressBytes(destination.address)
  if (from === undefined || to === undefined) return none
  if (from.length !== to.length) {
    from = asIpv6(from)
    to = asIpv6(to)
  }
  const ports = Buffer.alloc(4)
  ports.writeUInt16BE(source.port, 0)
  ports.writeUInt16BE(destination.port, 2)
  return { family: from.length === 4 ? TCP4 : TCP6, bytes: Buffer.concat([from, to, ports]) }
}

function asIpv6(bytes: Buffer): Buffer {
  return bytes.length === 16
    ? bytes
    : Buffer.concat([Buffer.from('00000000000000000000ffff', 'hex'), bytes])
}

/**
 * How many bytes follow the first `PROXY_V2_PREFIX_BYTES`; `undefined` where these do not begin a header of version 2.
 * Whoever reads puts a bound on the answer: the format allows 65 535.
 */
export function proxyV2Remainder(prefix: Uint8Array): number | undefined {
  const bytes = Buffer.from(prefix.buffer, prefix.byteOffset, prefix.byteLength)
  if (bytes.length < PROXY_V2_PREFIX_BYTES || !bytes.subarray(0, 12).equals(SIGNATURE))
    return undefined
  return bytes[12] === LOCAL || bytes[12] === PROXY ? bytes.readUInt16BE(14) : undefined
}

/** Reads a whole header; `undefined` for anything that is not exactly one, or not TCP over IP. */
export function parseProxyV2(header: Uint8Array): ProxyHeader | undefined {
  const bytes = Buffer.from(header.buffer, header.byteOffset, header.byteLength)
  const remainder = proxyV2Remainder(bytes)
  if (remainder === undefined || bytes.length !== PROXY_V2_PREFIX_BYTES + remainder)
    return undefined
  if (bytes[12] === LOCAL) return { command: 'local' }
  const size = ADDRESS_BYTES[bytes[13] ?? 0]
  if (size === undefined || remainder < 2 * size + 4) return undefined
  const from = PROXY_V2_PREFIX_BYTES
  const ports = from + 2 * size
  const uniqueId = readUniqueId(bytes.subarray(ports + 4))
  if (uniqueId === undefined) return undefined
  return {
    command: 'proxy',
    source: {
      address: addressText(bytes.subarray(from, from + size)),
      port: bytes.readUInt16BE(ports),
    },
    destination: {
      address: addressText(bytes.subarray(from + size, ports)),
      port: bytes.readUInt16BE(ports + 2),
    },
    ...(uniqueId === '' ? {} : { uniqueId }),
  }
}

/** The unique id among the TLVs, empty where there is none; `undefined` where the TLVs do not add up. */
function readUniqueId(tlvs: Buffer): string | undefined {
  let found = ''
  for (let at = 0; at < tlvs.length; ) {
    if (at + 3 > tlvs.length) return undefined
    const end = at + 3 + tlvs.readUInt16BE(at + 1)
    if (end > tlvs.length) return undefined
    if (tlvs[at] === TLV_UNIQUE_ID) {
      if (end - at - 3 > UNIQUE_ID_BYTES_MAX) return undefined
      found = printable(tlvs.subarray(at + 3, end))
    }
    at = end
  }
  return found
}

/** The specification allows any bytes; what is no visible ASCII is told in hexadecimal. */
function printable(bytes: Buffer): string {
  return bytes.every((byte) => byte > 0x20 && byte < 0x7f)
    ? bytes.toString('latin1')
    : bytes.toString('hex')
}
