import { addressBytes } from '@countersign/ground/http1'

/*
 * Which addresses a validation may reach. The operator lists networks (CIDR), and the word `public` for all that is
 * not set aside for something else. An address that no entry covers is refused.
 *
 * - `public` never covers what the IANA registries of special-purpose addresses set aside (RFC 6890 and after it):
 *   loopback, private and shared networks, link-local (where the metadata of clouds lives), documentation, benchmarks,
 *   multicast, reserved; nor addresses that carry another one inside (6to4, Teredo, NAT64): those are judged by none
 * - nothing ever covers the unspecified address, broadcast and multicast: there is nobody to answer
 * - link-local needs an entry that lies within it: `0.0.0.0/0` does not open the metadata of a cloud
 */
export interface Network {
  readonly base: Buffer
  readonly bits: number
}
export interface Networks {
  readonly public: boolean
  readonly listed: readonly Network[]
}

const CIDR = /^([0-9a-fA-F.:]+)\/([0-9]{1,3})$/

/** Reads one CIDR; `undefined` for what is none, or has bits behind its prefix. */
export function parseNetwork(text: string): Network | undefined {
  const [, address = '', length = ''] = CIDR.exec(text) ?? []
  const base = addressBytes(address)
  const bits = Number(length)
  if (base === undefined || length === '' || !(bits <= base.length * 8)) return undefined
  return covers({ base, bits }, base) && isClean(base, bits) ? { base, bits } : undefined
}

function isClean(base: Buffer, bits: number): boolean {
  return base.every((byte, i) => (byte & (0xff >> Math.min(8, Math.max(0, bits - i * 8)))) === 0)
}

function covers({ base, bits }: Network, address: Buffer): boolean {
  if (address.length !== base.length) return false
  for (let i = 0; i * 8 < bits; i++) {
    const mask = 0xff & (0xff00 >> Math.min(8, bits - i * 8))
    if (((base[i] ?? 0) & mask) !== ((address[i] ?? 0) & mask)) return false
  }
  return true
}

function known(...texts: readonly string[]): readonly Network[] {
  return texts.map((text) => {
    const network = parseNetwork(text)
    if (network === undefined) throw new TypeError(`${text} is no network`)
    return network
  })
}

const NEVER = known(
  ...['0.0.0.0/8', '224.0.0.0/4', '255.255.255.255/32'],
  ...['::/128', 'ff00::/8'],
)
const LINK_LOCAL = known('169.254.0.0/16', 'fe80::/10')
const SPECIAL = known(
  ...['10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '169.254.0.0/16', '172.16.0.0/12'],
  ...['192.0.0.0/24', '192.0.2.0/24', '192.88.99.0/24', '192.168.0.0/16', '198.18.0.0/15'],
  ...['198.51.100.0/24', '203.0.113.0/24', '240.0.0.0/4'],
)
/** IPv6 is the other way round: what is not handed out for the world is not public. */
const GLOBAL_6 = known('2000::/3')
const SPECIAL_6 = known(
  ...['2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20', '64:ff9b::/96', '64:ff9b:1::/48'],
)

/** Whether a validation may connect to this address. What is no address may not. */
export function isAllowed(address: string, networks: Networks): boolean {
  const bytes = addressBytes(address)
  if (bytes === undefined || within(NEVER, bytes)) return false
  const inner = LINK_LOCAL.find((network) => covers(network, bytes))
  const entries = networks.listed.filter((network) => covers(network, bytes))
  if (inner !== undefined)
    return entries.some(({ base, bits }) => bits >= inner.bits && covers(inner, base))
  return entries.length > 0 || (networks.public && isPublic(bytes))
}

function isPublic(bytes: Buffer): boolean {
  if (bytes.length === 4) return !within(SPECIAL, bytes)
  return within(GLOBAL_6, bytes) && !within(SPECIAL_6, bytes)
}

function within(networks: readonly Network[], address: Buffer): boolean {
  return networks.some((network) => covers(network, address))
}
