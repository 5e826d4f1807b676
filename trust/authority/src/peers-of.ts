import { authority as contract } from '@countersign/contract/platform'
import type { Workload } from '@countersign/service'
import { PEER_WAIT_MS_MAX } from './limits.ts'
import type { PeerLink } from './peers/line.ts'
import { createFindElsewhere, type RecordsQuery } from './revocation/find-elsewhere.ts'
import type { FindElsewhere } from './revocation/ports.ts'
import type { Peer } from './token/peer-line.ts'
import { peerLinkAt } from './trust/run-trust.ts'

/* The other authorities, each at its own address: the mesh would spread our words over all of them, ourselves too. */

type At = { readonly host: string; readonly port: number }
type Self = Pick<Workload<'authority'>, 'callAt'>

const clientAt = (self: Self, at: At) => self.callAt(contract, { name: 'authority', ...at })

/** For what authorities keep the same among them. */
export function linksOf(self: Self, peers: readonly At[]): PeerLink[] {
  return peers.map((at) => peerLinkAt(self, at))
}

/** For the tokens, which are spent at all of them. */
export function tokenPeersOf(self: Self, peers: readonly At[]): Peer[] {
  return peers.map((at) => {
    const client = clientAt(self, at)
    return {
      share: (hash, { name, expiresAt, spent }) =>
        client.shareToken(
          { params: { hash }, body: { name, expiresAt: new Date(expiresAt).toISOString(), spent } },
          { timeoutMs: PEER_WAIT_MS_MAX },
        ),
    }
  })
}

/** For certificates that are on record elsewhere. */
export function findElsewhereAt(
  self: Self & Pick<Workload, 'log'>,
  peers: readonly At[],
): FindElsewhere {
  const links = peers.map((at) => ({
    address: `${at.host}:${at.port}`,
    certificates: (query: RecordsQuery, timeoutMs: number) =>
      clientAt(self, at).certificates({ query }, { timeoutMs }),
  }))
  return createFindElsewhere(links, self.log)
}
