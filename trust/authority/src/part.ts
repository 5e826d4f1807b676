import { authority as contract } from '@countersign/contract/platform'
import type { Log } from '@countersign/ground/telemetry'
import type { Built, Env, Identify, Identity, Part, Workload } from '@countersign/service'
import { acmeHandlers } from './acme/handlers.ts'
import { type AuthorityConfig, readConfig } from './config/config.ts'
import { createEvents } from './events.ts'
import { type House, openHouse } from './house.ts'
import { issuingHandlers } from './issuing/issuing-handlers.ts'
import { watchIssued } from './issuing/issued-watch.ts'
import { openJoinDoor } from './joining/join-door.ts'
import { recognise } from './joining/recognise.ts'
import { redeem } from './joining/redeem.ts'
import { AccountTokens } from './kubernetes/account-tokens.ts'
import { keysFrom } from './kubernetes/fetch-keys.ts'
import { openOutdoors } from './outdoors.ts'
import { ownIdentity } from './own-identity.ts'
import { findElsewhereAt, linksOf, tokenPeersOf } from './peers-of.ts'
import { revocationHandlers } from './revocation/revocation-handlers.ts'
import { createRevocationEvents } from './revocation/revocation-events.ts'
import { PeerSync } from './token/peer-sync.ts'
import { tokenHandlers } from './token/token-handlers.ts'
import { activeCross } from './trust/active-cross.ts'
import { livenessOf, runTrust } from './trust/run-trust.ts'

/*
 * An authority process. It needs its certificate before it has a workload, and the workload before it can answer, and
 * both work on the same open folder: `identify` opens it, `create` finds it again. One folder is never opened twice.
 *
 * `create` goes from the inside out: what was decided without this authority is known before any door opens.
 */
const open = new Map<string, Promise<House>>()

function openOnce(config: AuthorityConfig, of: Omit<Identify, 'env'>): Promise<House> {
  const key = keyOf(config, of)
  const found = open.get(key)
  if (found !== undefined) return found
  const opening = openHouse({ ...of, config })
  open.set(key, opening)
  opening.catch(() => open.delete(key))
  return opening
}

const keyOf = ({ folder }: AuthorityConfig, { instance }: Pick<Identify, 'instance'>): string =>
  `${folder}\0${instance}`

async function identify({ env, ...of }: Identify): Promise<Identity & { close(): void }> {
  return ownIdentity(await openOnce(readConfig(env), of), of.log)
}

async function create(workload: Workload, env: Env): Promise<Built> {
  const config = readConfig(env)
  const house = await openOnce(config, workload)
  const closing: (() => unknown)[] = [
    () => house.close(),
    () => open.delete(keyOf(config, workload)),
  ]
  const close = async (): Promise<void> => {
    for (const step of closing.splice(0).toReversed()) await step()
  }
  try {
    return await assemble(workload as Workload<'authority'>, { config, house, closing, close })
  } catch (error) {
    await close()
    throw error
  }
}

interface Frame {
  readonly config: AuthorityConfig
  readonly house: House
  /** What has to be closed, in the order in which it was opened. */
  readonly closing: (() => unknown)[]
  readonly close: () => Promise<void>
}

async function assemble(
  workload: Workload<'authority'>,
  { config, house, closing, close }: Frame,
): Promise<Built> {
  const { store, trust, revocations, authority } = house
  const { log, trustDomain } = workload
  const { tokens, issued } = authority
  const events = createEvents(workload)
  const sync = new PeerSync({ tokens, peers: tokenPeersOf(workload, config.peers), log })
  closing.push(() => sync.close())
  const watch = watchIssued({ store, issued, events, log })
  closing.push(() => watch.close())
  house.askElsewhere(findElsewhereAt(workload, config.peers))
  const outdoors = await openOutdoors(workload, { config, house })
  closing.push(() => outdoors.close())
  const running = runTrust({
    ...{ trust, workload, issued, revocations, links: linksOf(workload, config.peers) },
    liveness: livenessOf(workload),
    topics: [revocations.topic, ...outdoors.topics],
    lists: outdoors.lists,
    alsoShown: outdoors.shown,
  })
  closing.push(() => running.close())
  await running.start()
  await outdoors.open({ quorum: () => running.quorum() })
  const accounts = accountsOf(config, log)
  closing.push(() => accounts?.close())
  const door = await openJoinDoor({
    ...{ listen: config.joinListen, identity: workload.identity, events },
    recognise: (join) => recognise(join, { tokens, accounts }),
    redeem: (ticket, wanted) => redeem(ticket, wanted, { authority, sync, events }),
  })
  log.info({ port: door.port }, 'the join door is open')
  const { publicNames } = config
  const cross = (): string => activeCross(trust.state(), trust.signers)
  return {
    contract,
    handlers: {
      ...issuingHandlers({ ...{ authority, revocations, events, publicNames }, cross }),
      ...tokenHandlers({ tokens, sync, events }),
      ...revocationHandlers({ revocations, trustDomain, events: createRevocationEvents(workload) }),
      ...acmeHandlers(outdoors.acme),
      ...running.handlers,
    },
    ready: () => Date.now() < authority.endsAt.getTime(),
    drain: async () => {
      await Promise.all([door.close(), outdoors.drain()])
    },
    close,
  }
}

/** Service accounts of the cluster that is trusted, where one is. */
function accountsOf({ kubernetes }: AuthorityConfig, log: Log): AccountTokens | undefined {
  if (kubernetes === undefined) return undefined
  const { jwks, ca, ...cluster } = kubernetes
  return new AccountTokens({ ...cluster, fetchKeys: keysFrom(jwks, ca), log })
}

/** The authority as a part of the platform. It does not join: it issues its own certificate. */
export const part: Part = { name: 'authority', identify, create }
