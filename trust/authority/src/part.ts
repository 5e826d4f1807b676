import { workloadId } from '@countersign/contract'
import { authority as contract } from '@countersign/contract/platform'
import type { Log } from '@countersign/ground/telemetry'
import {
  type Built,
  type Env,
  type Identity,
  obtain,
  type Part,
  RenewingIdentity,
  type Workload,
} from '@countersign/service'
import { type AuthorityConfig, readConfig } from './config/config.ts'
import { createEvents } from './events.ts'
import { createHandlers } from './handlers.ts'
import { type Authority, openAuthority } from './issuing/authority.ts'
import { openJoinDoor } from './joining/join-door.ts'
import { redeem } from './joining/redeem.ts'
import { PEER_WAIT_MS_MAX } from './limits.ts'
import { type Peer, PeerSync } from './token/peer-sync.ts'

/*
 * An authority process. It needs its certificate before it has a workload, and the workload before it can answer, and
 * both work on the same open folder: `identify` opens it, `create` finds it again. One folder is never opened twice.
 */
const open = new Map<string, Promise<Authority>>()

interface Opening {
  readonly instance: string
  readonly trustDomain: string
  readonly log: Log
}

function openOnce(config: AuthorityConfig, { instance, trustDomain, log }: Opening) {
  const key = `${config.folder}\0${instance}`
  const found = open.get(key)
  if (found !== undefined) return found
  const opening = openAuthority({ ...config, instance, trustDomain, log })
  open.set(key, opening)
  opening.catch(() => open.delete(key))
  return opening
}

async function identify(options: Opening & { env: Env }): Promise<Identity & { close(): void }> {
  const authority = await openOnce(readConfig(options.env), options)
  const id = workloadId(options.trustDomain, 'authority')
  const renew = (csr: string) => authority.selfIssue('authority', csr)
  return new RenewingIdentity({ id, held: await obtain(id, renew), renew, log: options.log })
}

async function create(workload: Workload, env: Env): Promise<Built> {
  const config = readConfig(env)
  const authority = await openOnce(config, workload)
  const { tokens } = authority
  const { log } = workload
  const peer = config.peer === undefined ? undefined : peerAt(workload, config.peer)
  const sync = new PeerSync({ tokens, peer, log })
  const events = createEvents(workload)
  const close = async (): Promise<void> => {
    sync.close()
    open.delete(`${config.folder}\0${authority.instance}`)
    await authority.close()
  }
  const door = await openJoinDoor({
    listen: config.joinListen,
    identity: workload.identity,
    events,
    redeem: (join, asker) => redeem(join, asker, { authority, sync, events }),
  }).catch(async (error: unknown) => {
    await close()
    throw error
  })
  countExpiry(workload, authority)
  log.info({ port: door.port }, 'the join door is open')
  return {
    contract,
    handlers: createHandlers({ authority, sync, events, publicNames: config.publicNames }),
    ready: () => Date.now() < authority.endsAt.getTime(),
    drain: () => door.close(),
    close,
  }
}

/** The other authority, over mTLS, at its own address: the mesh would spread our words over both of us. */
function peerAt(workload: Workload, at: { host: string; port: number }): Peer {
  const client = (workload as Workload<'authority'>).callAt(contract, { name: 'authority', ...at })
  return {
    share: (hash, { name, expiresAt, spent }) =>
      client.shareToken(
        { params: { hash }, body: { name, expiresAt: new Date(expiresAt).toISOString(), spent } },
        { timeoutMs: PEER_WAIT_MS_MAX },
      ),
  }
}

function countExpiry({ metrics }: Workload, authority: Authority): void {
  const help = 'When the intermediate of this authority ends'
  metrics.gauge('countersign_authority_expiry_timestamp_seconds', help, [], function () {
    this.set(authority.endsAt.getTime() / 1_000)
  })
}

/** The authority as a part of the platform. It does not join: it issues its own certificate. */
export const part: Part = { name: 'authority', identify, create }
