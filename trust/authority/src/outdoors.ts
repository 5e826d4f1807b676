import type { Quorum } from '@countersign/contract/platform'
import type { Workload } from '@countersign/service'
import { type Acme, openAcme } from './acme/acme.ts'
import { type AcmeEvents, createAcmeEvents } from './acme/events.ts'
import type { AcmeHandlerParts } from './acme/handlers.ts'
import type { AuthorityConfig } from './config/config.ts'
import type { House } from './house.ts'
import type { AlsoShown } from './evidence/report-own.ts'
import { Listeners } from './listeners.ts'
import { Directories } from './outside/directories.ts'
import type { Obtained } from './outside/door-certificate.ts'
import { openOutside } from './outside/open-outside.ts'
import type { OutsideDoor } from './outside/outside-door.ts'
import { quorumRoute } from './outside/quorum-route.ts'
import type { SyncTopic } from './peers/topic.ts'
import { openStatus, type Status } from './revocation/open-status.ts'

/** What an authority is for clients that are no workloads: lists and answers, ACME, a page. */
export interface Outdoors {
  readonly acme: AcmeHandlerParts
  readonly topics: readonly SyncTopic[]
  /** Until when each list of revocations counts, by the key id of its issuer. */
  readonly lists: () => ReadonlyMap<string, number>
  /** The certificate of the door, once it is open. */
  readonly shown: AlsoShown
  /** Opens the door, where one is wanted. */
  open(parts: { quorum(): Quorum | Promise<Quorum> }): Promise<void>
  /** Takes no new connection, finishes what is in flight. */
  drain(): Promise<void>
  close(): Promise<void>
}

interface Parts {
  readonly config: AuthorityConfig
  readonly house: House
}

/** Opens what the door will serve. The door itself stays closed until `open`. */
export async function openOutdoors(
  workload: Workload<'authority'>,
  { config, house }: Parts,
): Promise<Outdoors> {
  const { store, trust, revocations, authority, vault } = house
  const { log } = workload
  const status = await openStatus({
    ...{ store, revocations, issued: authority.issued, trust, log },
    ...{ signers: () => trust.signers.all(), roots: vault, now: Date.now },
  })
  const events = createAcmeEvents(workload)
  const acme = config.outside && openAcmeOf(workload, { config, house }, events)
  const directories = new Directories(config.outside?.url)
  const changed = new Listeners((err) => log.error({ err }, 'a listener to the door failed'))
  let door: OutsideDoor | undefined
  let shown: readonly Obtained[] = []
  return {
    acme: { acme, events, directories: () => directories.all() },
    topics: [status.topic, directories, ...(acme === undefined ? [] : [acme.topic])],
    lists: () => endsOf(status),
    shown: { all: () => shown, onChange: changed.add },
    open: async ({ quorum }) => {
      const { outside, publicNames } = config
      if (outside === undefined) return
      const page = quorumRoute({
        trustDomain: workload.trustDomain,
        quorum,
        roots: () => trust.state().roots.entries,
        lists: () => status.crls.all().map(({ issuer }) => issuer),
      })
      door = await openOutside({
        ...{ ...outside, publicNames, workload, authority, trust, revocations },
        signers: trust.signers,
        onObtained: (certificate) => {
          shown = [certificate]
          changed.tell()
        },
        ready: () => Date.now() < authority.endsAt.getTime(),
        routes: [page, ...status.routes, ...(acme?.routes ?? [])],
      })
      await acme?.resume()
      log.info({ url: door.baseUrl }, 'the outside door is open')
    },
    drain: async () => {
      await door?.close()
    },
    close: async () => {
      await acme?.close()
      status.close()
    },
  }
}

function openAcmeOf(
  { trustDomain, log }: Workload<'authority'>,
  { config, house }: Parts,
  events: AcmeEvents,
): Acme {
  const { store, authority, revocations, trust } = house
  return openAcme({
    ...{ store, masterKey: config.masterKey, events, log },
    config: config.acme([trustDomain]),
    ports: {
      prepare: (request) => authority.prepare(request),
      issued: authority.issued,
      revocations,
      trust: () => trust.state(),
    },
  })
}

function endsOf({ crls }: Status): ReadonlyMap<string, number> {
  return new Map(crls.all().map(({ issuer, nextUpdate }) => [issuer, nextUpdate]))
}
