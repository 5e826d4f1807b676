import { X509Certificate } from 'node:crypto'
import { authority, type Issued } from '@countersign/contract/platform'
import type { Log, Metrics } from '@countersign/ground/telemetry'
import type { Connected, Seed } from '../connect.ts'
import { IdentityError } from '../identity/errors.ts'
import type { RenewingIdentity } from '../identity/renewing-identity.ts'
import { Authorities, type AuthorityAt } from './authorities.ts'
import { Follower, type FollowerOptions } from './follower.ts'
import { RENEW_AT_ONE_MS_MAX } from './limits.ts'
import { Revocations } from './revocations.ts'
import { countTrust } from './trust-metrics.ts'

/** How a workload reaches the authorities: one after the other, at their own addresses. */
export interface WayToAuthorities extends Pick<FollowerOptions, 'authorities' | 'follow'> {
  /** Rejects with what the last authority failed with. */
  renew(csr: string): Promise<Issued>
}

/** `seeds` are asked beside those that the registry knows, for the registry may be away. */
export function wayToAuthorities(connected: Connected, seeds: readonly Seed[]): WayToAuthorities {
  const watch = connected.resolver.instances(authority.name)
  const list = (): readonly AuthorityAt[] => {
    const told = watch.current().map(({ Service }) => ({
      name: authority.name,
      host: Service.Address,
      port: Service.Port,
    }))
    const known = seeds.filter(({ name }) => name === authority.name)
    return sortedOnce([...known, ...told])
  }
  const authorities = new Authorities(list, Math.random())
  return {
    authorities,
    follow: (at) => (input, options) => connected.callAt(authority, at).follow(input, options),
    renew: (csr) =>
      authorities.ask(async (at) => {
        const client = connected.callAt(authority, at)
        const wish = { body: { csr } }
        return ofThisTime(await client.renew(wish, { timeoutMs: RENEW_AT_ONE_MS_MAX }))
      }),
  }
}

/** An authority whose clock is far from ours is left for another one, as if it did not answer. */
function ofThisTime(issued: Issued): Issued {
  const { validFromDate, validToDate } = new X509Certificate(issued.chain)
  const now = Date.now()
  if (validFromDate.getTime() <= now && now < validToDate.getTime()) return issued
  const [from, to] = [validFromDate, validToDate].map((date) => date.toISOString())
  const message = `the certificate from the authority is of no use: it is good from ${from} to ${to}`
  throw new IdentityError('ANSWER_INVALID', message)
}

/** Each address once, in an order that does not change with who tells of them. */
function sortedOnce(all: readonly AuthorityAt[]): readonly AuthorityAt[] {
  const byAddress = new Map(all.map((at) => [`${at.host}:${at.port}`, at]))
  return [...byAddress].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, at]) => at)
}

/**
 * Follows what the authorities say, on behalf of an identity that has joined. Close it before the connections: it says
 * that this instance leaves.
 */
export function startFollower(options: {
  readonly instance: string
  readonly trustDomain: string
  readonly identity: RenewingIdentity
  readonly way: Pick<WayToAuthorities, 'authorities' | 'follow'>
  readonly log: Log
  readonly metrics: Metrics
  /** The own certificate was taken back. Called once. */
  readonly onRevoked?: () => void
}): Follower {
  const { revocations } = options.identity
  if (!(revocations instanceof Revocations))
    throw new TypeError('an identity with a list of its own has nobody to follow')
  const { way, ...rest } = options
  const follower = new Follower({ ...rest, ...way, revocations })
  countTrust(options.metrics, follower)
  return follower
}
