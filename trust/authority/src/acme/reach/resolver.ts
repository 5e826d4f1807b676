import type { CaaRecord } from 'node:dns'
import { Resolver as DnsResolver } from 'node:dns/promises'
import { ADDRESSES_MAX, CNAMES_MAX, DNS_TRIES, DNS_TRY_MS_MAX, TXT_RECORDS_MAX } from '../limits.ts'
import { AcmeProblem } from '../problem.ts'
import { addressesInHosts } from './hosts-file.ts'

/**
 * Asks the DNS. Promises: every answer comes within a bounded time, or rejects with `AcmeProblem` dns; a name without
 * such records gives an empty list.
 */
export interface Resolver {
  /** IPv4 and IPv6. */
  addresses(name: string): Promise<readonly string[]>
  /** Texts, following aliases that the server did not follow. */
  texts(name: string): Promise<readonly string[]>
  /** CAA records of exactly this name (RFC 8659). */
  caa(name: string): Promise<readonly CaaRecord[]>
}

/** Asks one server; `undefined`: those of this machine, which has the first word about names that its hosts file lists. */
export function createResolver(
  server: string | undefined,
  { hostsFile = '/etc/hosts' }: { hostsFile?: string } = {},
): Resolver {
  const dns = new DnsResolver({ timeout: DNS_TRY_MS_MAX, tries: DNS_TRIES })
  if (server !== undefined) dns.setServers([server])
  return {
    addresses: async (name) => {
      const known = server === undefined ? await addressesInHosts(hostsFile, name) : []
      return bounded(name, known.length > 0 ? known : await addresses(dns, name))
    },
    texts: (name) => texts(dns, name),
    caa: (name) => ask(name, () => dns.resolveCaa(name)),
  }
}

async function addresses(dns: DnsResolver, name: string): Promise<readonly string[]> {
  const [four, six] = await Promise.allSettled([
    ask(name, () => dns.resolve4(name)),
    ask(name, () => dns.resolve6(name)),
  ])
  const found = [four, six].flatMap((each) => (each.status === 'fulfilled' ? each.value : []))
  // One kind that cannot be had is no harm where there is the other: only what is found is connected to.
  if (found.length === 0 && four.status === 'rejected') throw four.reason
  if (found.length === 0 && six.status === 'rejected') throw six.reason
  return found
}

function bounded(name: string, found: readonly string[]): readonly string[] {
  if (found.length > ADDRESSES_MAX) throw problem(name, 'has too many addresses')
  return found
}

async function texts(dns: DnsResolver, name: string): Promise<readonly string[]> {
  const seen = new Set<string>()
  for (let at = name; ; ) {
    if (seen.has(at) || seen.size > CNAMES_MAX)
      throw problem(name, 'leads through too many aliases, or in a circle')
    seen.add(at)
    const records = await ask(at, () => dns.resolveTxt(at))
    if (records.length > TXT_RECORDS_MAX) throw problem(name, 'has too many TXT records')
    if (records.length > 0) return records.map((chunks) => chunks.join(''))
    const [alias] = await ask(at, () => dns.resolveCname(at))
    if (alias === undefined) return []
    at = alias.toLowerCase()
  }
}

const NOTHING: ReadonlySet<string> = new Set(['ENODATA', 'ENOTFOUND'])

async function ask<T>(name: string, question: () => Promise<T[]>): Promise<readonly T[]> {
  try {
    return await question()
  } catch (error) {
    if (NOTHING.has(String((error as NodeJS.ErrnoException).code))) return []
    throw problem(name, 'is not answered by the DNS', error)
  }
}

function problem(name: string, what: string, cause?: unknown): AcmeProblem {
  return new AcmeProblem('dns', `${name} ${what}`, { cause })
}
