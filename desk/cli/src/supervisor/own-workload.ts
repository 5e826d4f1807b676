import { type Log, Metrics } from '@countersign/ground/telemetry'
import {
  type Connected,
  connect,
  type Env,
  type Identity,
  joinTrustDomain,
  Revocations,
  type Seed,
  startFollower,
  type WayToAuthorities,
  wayToAuthorities,
} from '@countersign/service'
import { readFile } from 'node:fs/promises'
import type { Layout } from '../home/layout.ts'
import { FIRST_WORD_MS_MAX } from '../limits.ts'

export interface JoinFacts {
  readonly trustDomain: string
  /** What every workload is told: where the authorities are. */
  readonly mesh: Env
  readonly layout: Layout
  readonly log: Log
}

/** A workload of the supervisor's own: it has joined, renews, and follows what the authorities say like any other. */
export interface OwnWorkload {
  readonly name: string
  readonly identity: Identity
  /** What was taken back, as the authorities said it. */
  readonly revocations: Revocations
  readonly link: Connected
  readonly seeds: readonly Seed[]
  /** Says that it leaves, and ends. Never rejects. */
  close(): Promise<void>
}

/** Joins with a one-time token. `onLost`: its certificate was taken back, or has expired; called once or twice. */
export async function joinAs(
  name: string,
  { token, onLost }: { token: string; onLost: (why: 'revoked' | 'expired') => void },
  { trustDomain, mesh, layout, log }: JoinFacts,
): Promise<OwnWorkload> {
  let way: WayToAuthorities | undefined
  const identity = await joinTrustDomain({
    name,
    trustDomain,
    doors: addressesOf(mesh.COUNTERSIGN_JOIN),
    token,
    // The authorities write it anew whenever the roots change.
    bundle: await readFile(layout.bundle, 'utf8'),
    renew: (csr) => {
      if (way === undefined)
        throw new Error('broken invariant: a renewal before the first certificate')
      return way.renew(csr)
    },
    log,
    onExpired: () => onLost('expired'),
  })
  const { revocations } = identity
  if (!(revocations instanceof Revocations))
    throw new Error('broken invariant: an identity that joined has a list of its own')
  const seeds = seedsOf(mesh.COUNTERSIGN_SEEDS)
  const metrics = new Metrics()
  const link = connect({ name, trustDomain, identity, seeds, log, metrics })
  way = wayToAuthorities(link, seeds)
  const follower = startFollower({
    ...{ instance: `${name}-1`, trustDomain, identity, way, log, metrics },
    onRevoked: () => onLost('revoked'),
  })
  await follower.firstWord(FIRST_WORD_MS_MAX)
  return {
    ...{ name, identity, revocations, link, seeds },
    close: async () => {
      await follower.close()
      identity.close()
      await link.close()
    },
  }
}

function seedsOf(text: string | undefined): readonly Seed[] {
  return (text ?? '').split(',').map((item) => {
    const [name = '', address = ''] = item.split('=')
    return { name, ...addressOf(address) }
  })
}
function addressesOf(text: string | undefined): readonly { host: string; port: number }[] {
  return (text ?? '').split(',').map(addressOf)
}
function addressOf(text: string): { host: string; port: number } {
  const [host = '', port] = text.split(':')
  return { host, port: Number(port) }
}
