import { AcmeProblem } from '../problem.ts'
import { isAllowed, type Networks } from './networks.ts'
import type { Resolver } from './resolver.ts'

/** What a validation may reach, and how. */
export interface Reach {
  readonly resolver: Resolver
  readonly networks: Networks
  readonly httpPort: number
  readonly tlsPort: number
}

/**
 * Looks a name up and gives its addresses, which the caller connects to as they are: to ask the DNS again would let
 * the name's owner answer differently (DNS rebinding). One address that is not allowed refuses them all.
 */
export async function guardedAddresses(
  name: string,
  { resolver, networks }: Reach,
): Promise<readonly string[]> {
  const addresses = await resolver.addresses(name)
  if (addresses.length === 0) throw new AcmeProblem('dns', `${name} has no address`)
  const refused = addresses.find((address) => !isAllowed(address, networks))
  if (refused === undefined) return addresses
  // Which address it was is for the log: whoever asks could map a network with it.
  throw new AcmeProblem('unauthorized', `${name} has an address that the operator does not allow`, {
    cause: new Error(`${refused} is in none of the networks of AUTHORITY_ACME_NETWORKS`),
  })
}

/** Tries the addresses one after the other. Only what never got through is tried again at the next. */
export async function firstAnswering<T>(
  addresses: readonly string[],
  attempt: (address: string) => Promise<T>,
): Promise<T> {
  let last: unknown
  for (const address of addresses) {
    try {
      return await attempt(address)
    } catch (error) {
      if (!(error instanceof AcmeProblem && error.type === 'connection')) throw error
      last = error
    }
  }
  throw last
}
