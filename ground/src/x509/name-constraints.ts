import { isIP } from 'node:net'
import { addressBytes } from '../http1/index.ts'
import { type Der, readChildren, readDer, TAG } from './der.ts'
import { malformed } from './errors.ts'
import { OID } from './oids.ts'
import { writeDer } from './write-der.ts'
import { GENERAL_NAME, writeExtension } from './write-extensions.ts'

/* The extension of a CA that says for which names it may sign (RFC 5280, 4.2.1.10). */

/** Subtrees of names, by form. A form that is empty is not constrained. */
export interface Subtrees {
  /** Hosts of URIs; one with a dot at its start stands for every host below it. */
  readonly uris: readonly string[]
  /** Host names; each stands for itself and every name below it. */
  readonly dns: readonly string[]
  /** In `NameConstraints` as encoded, address and mask in hex; to be written as in `10.0.0.0/8`. */
  readonly ips: readonly string[]
}
export interface NameConstraints {
  readonly permitted: Subtrees
  readonly excluded: Subtrees
  /** Whether names of another form are constrained: then nobody of ours can tell what may be signed. */
  readonly otherForms: boolean
}
export interface WantedConstraints {
  readonly permitted?: Partial<Subtrees>
  readonly excluded?: Partial<Subtrees>
}

const PERMITTED = 0xa0
const EXCLUDED = 0xa1

/** The extension, critical. Throws `TypeError` where nothing is constrained, or by what is no name. */
export function nameConstraintsExtension(wanted: WantedConstraints): Buffer {
  const parts = [
    ...writeSubtrees(PERMITTED, wanted.permitted),
    ...writeSubtrees(EXCLUDED, wanted.excluded),
  ]
  if (parts.length === 0) throw new TypeError('name constraints that constrain nothing')
  return writeExtension(OID.nameConstraints, writeDer(TAG.sequence, ...parts), true)
}

const HOST = /^\.?[a-z0-9_-]+(\.[a-z0-9_-]+)*$/

function writeSubtrees(tag: number, subtrees: Partial<Subtrees> = {}): Buffer[] {
  const bases = [
    ...(subtrees.uris ?? []).map((host) => writeHost(GENERAL_NAME.uri, host)),
    ...(subtrees.dns ?? []).map((host) => writeHost(GENERAL_NAME.dns, host)),
    ...(subtrees.ips ?? []).map((range) => writeDer(GENERAL_NAME.ip, rangeBytes(range))),
  ]
  if (bases.length === 0) return []
  return [writeDer(tag, ...bases.map((base) => writeDer(TAG.sequence, base)))]
}

function writeHost(tag: number, host: string): Buffer {
  if (!HOST.test(host)) throw new TypeError(`not a host: ${JSON.stringify(host)}`)
  return writeDer(tag, Buffer.from(host, 'latin1'))
}

/** Address and mask of a range as in `10.0.0.0/8`. */
function rangeBytes(range: string): Buffer {
  const [address = '', prefix = ''] = range.split('/')
  const octets = isIP(address) === 0 ? undefined : addressBytes(address)
  const bits = /^\d{1,3}$/.test(prefix) ? Number(prefix) : Number.NaN
  if (octets === undefined || !(bits <= octets.length * 8)) {
    throw new TypeError(`not a range of addresses: ${JSON.stringify(range)}`)
  }
  const mask = octets.map((_, i) => 0xff & ~(0xff >> Math.min(8, Math.max(0, bits - i * 8))))
  return Buffer.concat([octets.map((octet, i) => octet & (mask[i] ?? 0)), mask])
}

/** Reads the value of the extension. Throws `X509Error` MALFORMED. */
export function readNameConstraints(value: Buffer): NameConstraints {
  const parts = readChildren(readDer(value, TAG.sequence))
  const tags = parts.map((part) => part.tag).join()
  if (![`${PERMITTED}`, `${EXCLUDED}`, `${PERMITTED},${EXCLUDED}`].includes(tags)) {
    throw malformed('the name constraints are malformed')
  }
  const forms = new Set<number>()
  const permitted = readSubtrees(
    parts.find((part) => part.tag === PERMITTED),
    forms,
  )
  const excluded = readSubtrees(
    parts.find((part) => part.tag === EXCLUDED),
    forms,
  )
  const known: readonly number[] = [GENERAL_NAME.uri, GENERAL_NAME.dns, GENERAL_NAME.ip]
  return { permitted, excluded, otherForms: [...forms].some((form) => !known.includes(form)) }
}

function readSubtrees(part: Der | undefined, forms: Set<number>): Subtrees {
  const found = { uris: [] as string[], dns: [] as string[], ips: [] as string[] }
  if (part === undefined) return found
  const subtrees = readChildren(part)
  if (subtrees.length === 0) throw malformed('name constraints have no subtree')
  for (const subtree of subtrees) {
    const [base, ...bounds] = readChildren(subtree)
    // `minimum` and `maximum` are not used in this profile (RFC 5280, 4.2.1.10).
    if (base === undefined || bounds.length > 0) throw malformed('a subtree of names is malformed')
    forms.add(base.tag)
    if (base.tag === GENERAL_NAME.uri) found.uris.push(base.value.toString('latin1'))
    else if (base.tag === GENERAL_NAME.dns) found.dns.push(base.value.toString('latin1'))
    else if (base.tag === GENERAL_NAME.ip) found.ips.push(readRange(base.value))
  }
  return found
}

function readRange(octets: Buffer): string {
  if (octets.length !== 8 && octets.length !== 32) {
    throw malformed('a range of addresses has not the length of one')
  }
  const mask = octets.subarray(octets.length / 2)
  const bits = [...mask].map((octet) => octet.toString(2).padStart(8, '0')).join('')
  if (bits.includes('01')) throw malformed('the mask of a range of addresses has a gap')
  return octets.toString('hex')
}
