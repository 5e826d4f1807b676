import { parseSpiffeId, type SpiffeId, spiffeId } from '../../spiffe/index.ts'
import { pemOf } from './forge.fixture.ts'
import { House, type Shown } from './house.fixture.ts'
import { hostileIssuers, hostileShapes } from './issuers.fixture.ts'
import { hostileLeaves, weakKeys } from './leaves.fixture.ts'

/** A chain that no door may let in. */
export interface HostileChain extends Shown {
  readonly name: string
  /** What our own reading of it says, in part. */
  readonly why: string
}
export interface HostileChains {
  /** PEM of the root to trust. */
  readonly bundle: string
  /** As the others, and in order. */
  readonly good: Shown
  readonly hostile: readonly HostileChain[]
}

/**
 * Chains that break one rule each, and a good one, all below one root. Each can be served with its key; keys of RSA with
 * 1024 bits want `ciphers: 'DEFAULT@SECLEVEL=0'` at whoever serves them.
 */
export function createHostileChains(options: { id?: SpiffeId; now?: number } = {}): HostileChains {
  const { id = spiffeId('test.local', 'service', 'order'), now = Date.now() } = options
  const house = new House(id, spiffeId(parseSpiffeId(id)?.trustDomain ?? ''), now)
  const leaves = hostileLeaves(house).map(([name, changes, why]) => ({
    name,
    why,
    ...house.chain(changes),
  }))
  const keys = weakKeys().map(([name, keys, why]) => ({ name, why, ...house.chain({}, keys) }))
  const issuers = hostileIssuers(house).map(([name, changes, why]) => {
    const issuer = house.newCa('hostile', house.root, changes)
    return { name, why, ...house.below(issuer) }
  })
  const shapes = hostileShapes(house).map(([name, shown, why]) => ({ name, why, ...shown }))
  const good = { chain: house.leaf() + house.issuer.pem, key: pemOf(house.keys) }
  return { bundle: house.root.pem, good, hostile: [...leaves, ...keys, ...issuers, ...shapes] }
}
