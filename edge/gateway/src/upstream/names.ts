import { lookup, Resolver } from 'node:dns/promises'
import { plainAddress } from '@countersign/ground/http1'
import { DNS_SECONDS, DNS_SECONDS_MAX, DNS_SECONDS_MIN, DNS_TIMEOUT_MS } from '../limits.ts'

/** Where a name leads to. */
export interface Found {
  /** In plain form. */
  readonly addresses: readonly string[]
  /** How long that holds. */
  readonly seconds: number
}
/** One SRV record (RFC 2782). */
export interface ServiceRecord {
  readonly name: string
  readonly port: number
  readonly weight: number
  readonly priority: number
}
/** The name service. Both reject where it has no answer. */
export interface Names {
  addresses(name: string): Promise<Found>
  services(name: string): Promise<readonly ServiceRecord[]>
}

/*
 * The name service of the system. Name servers are asked without a thread; what they do not know, and names without a dot,
 * are left to the system (hosts file, search domains), one at a time: each such question holds a thread that signatures of
 * tokens are verified in as well.
 */
export function systemNames(): Names {
  const resolver = new Resolver({ timeout: DNS_TIMEOUT_MS, tries: 2 })
  let last: Promise<unknown> = Promise.resolve()
  const askSystem = (name: string): Promise<Found> => {
    const asked = last.then(() => lookup(name, { all: true }))
    last = asked.catch(() => undefined)
    return asked.then((found) => ({
      addresses: found.map(({ address }) => plainAddress(address)),
      seconds: DNS_SECONDS,
    }))
  }
  return {
    addresses: async (name) => {
      const found = name.includes('.') ? await askServers(resolver, name) : undefined
      return found ?? (await askSystem(name))
    },
    services: (name) => resolver.resolveSrv(name),
  }
}

async function askServers(resolver: Resolver, name: string): Promise<Found | undefined> {
  const ttl = { ttl: true } as const
  const answers = await Promise.allSettled([
    resolver.resolve4(name, ttl),
    resolver.resolve6(name, ttl),
  ])
  const records = answers.flatMap((each) => (each.status === 'fulfilled' ? each.value : []))
  if (records.length === 0) return undefined
  const shortest = Math.min(...records.map((each) => each.ttl))
  return {
    addresses: records.map(({ address }) => plainAddress(address)),
    seconds: Math.min(DNS_SECONDS_MAX, Math.max(DNS_SECONDS_MIN, shortest)),
  }
}
