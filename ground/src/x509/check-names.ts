import { parseSpiffeId } from '../spiffe/index.ts'
import type { ExtensionFacts } from './extensions.ts'
import type { NameConstraints, Subtrees } from './name-constraints.ts'

/*
 * Whether an issuer may sign for the names of a certificate below it (RFC 5280, 4.2.1.10 and 6.1.4 g):
 *
 * - no form of names is constrained that is not known here
 * - a name of a form that has permitted subtrees is inside one of them
 * - no name is inside an excluded subtree
 *
 * URIs are SPIFFE ids, their host is the trust domain. In doubt a name is outside of what is permitted, and inside of
 * what is excluded.
 */
type Names = Pick<ExtensionFacts, 'uris' | 'dnsNames' | 'ips'>

const PERMITTED_FAULT = 'a name is outside of what its issuer may sign for'
const EXCLUDED_FAULT = 'a name is among those that its issuer may not sign for'

export function checkNames(names: Names, constraints: NameConstraints): string | undefined {
  const { permitted, excluded } = constraints
  if (constraints.otherForms) return 'an issuer is held to names of a form that is not known'
  if (!isPermitted(names, permitted)) return PERMITTED_FAULT
  return isExcluded(names, excluded) ? EXCLUDED_FAULT : undefined
}

function isPermitted({ uris, dnsNames, ips }: Names, permitted: Subtrees): boolean {
  const inside = (name: string, bases: readonly string[], fits: Fits): boolean =>
    bases.length === 0 || bases.some((base) => fits(name, base))
  return (
    uris.every((uri) => inside(hostOf(uri), permitted.uris, isHost)) &&
    dnsNames.every((name) => inside(parentOf(name), permitted.dns, isAtOrBelow)) &&
    ips.every((address) => inside(address, permitted.ips, isInRange))
  )
}

function isExcluded({ uris, dnsNames, ips }: Names, excluded: Subtrees): boolean {
  const inside = (name: string, bases: readonly string[], fits: Fits): boolean =>
    bases.some((base) => base === '' || fits(name, base))
  return (
    uris.some((uri) =>
      inside(hostOf(uri), excluded.uris, (host, base) => host === '' || isHost(host, base)),
    ) ||
    dnsNames.some((name) => inside(name, excluded.dns, mayBeAtOrBelow)) ||
    ips.some((address) => inside(address, excluded.ips, isInRange))
  )
}

type Fits = (name: string, base: string) => boolean

/** The host of a SPIFFE id, and nothing for any other URI. */
function hostOf(uri: string): string {
  return parseSpiffeId(uri)?.trustDomain ?? ''
}

/** A URI constraint is a host, or with a dot at its start all hosts below one. */
const isHost: Fits = (host, base) => {
  const wanted = base.toLowerCase()
  return wanted.startsWith('.')
    ? host.length > wanted.length && host.endsWith(wanted)
    : host === wanted
}

/** What a wildcard stands below; any other name is itself. */
function parentOf(name: string): string {
  return name.startsWith('*.') ? name.slice(2) : name
}

const isAtOrBelow: Fits = (name, base) => {
  const [low, wanted] = [name.toLowerCase(), base.toLowerCase()]
  if (wanted === '') return true
  if (wanted.startsWith('.')) return low.length > wanted.length && low.endsWith(wanted)
  return low === wanted || low.endsWith(`.${wanted}`)
}

/** As `isAtOrBelow`, or a wildcard that covers a name which is. */
const mayBeAtOrBelow: Fits = (name, base) => {
  const bare = base.replace(/^\./, '')
  if (isAtOrBelow(parentOf(name), bare)) return true
  return name.startsWith('*.') && isAtOrBelow(bare, name.slice(2))
}

/** Both in hex; the base is an address and a mask of the same length. */
const isInRange: Fits = (address, base) => {
  if (base.length !== address.length * 2) return false
  const mask = BigInt(`0x${base.slice(address.length)}`)
  const wanted = BigInt(`0x${base.slice(0, address.length)}`)
  return (BigInt(`0x${address}`) & mask) === (wanted & mask)
}
