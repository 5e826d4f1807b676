import { type Client, workloadId } from '@countersign/contract'
import { authority as contract, type Quorum, registry } from '@countersign/contract/platform'
import { messageOf } from '@countersign/ground/errors'
import type { Workload } from '@countersign/service'
import type { Report } from '../evidence/domain/fact.ts'
import { Evidence } from '../evidence/evidence.ts'
import type { Liveness } from '../evidence/liveness.ts'
import { createRegistryLiveness } from '../evidence/liveness-registry.ts'
import { type AlsoShown, reportOwn } from '../evidence/report-own.ts'
import { Waiters } from '../evidence/waiters.ts'
import type { IssuedWriter } from '../issuing/issued-writer.ts'
import type { PeerLink } from '../peers/line.ts'
import { Peers } from '../peers/peers.ts'
import type { SyncTopic } from '../peers/topic.ts'
import { createTrustEvents } from './create-trust-events.ts'
import { Rotation } from './rotation.ts'
import type { Revoked } from './rotation-parts.ts'
import { Schedule } from './schedule.ts'
import type { Trust } from './trust.ts'
import type { Words } from './trust-view.ts'
import { type Issued, quorum, trustHandlers } from './trust-handlers.ts'
import { measureTrust } from './trust-metrics.ts'
import { Turn } from './turn.ts'

export interface RunTrustOptions {
  readonly trust: Trust
  readonly workload: Pick<Workload, 'instance' | 'identity' | 'audit' | 'log' | 'metrics'>
  /** The other authorities. */
  readonly links: readonly PeerLink[]
  readonly liveness: Liveness
  readonly issued: Issued & Pick<IssuedWriter, 'claim'>
  readonly revocations: Revoked & Words
  /** What else authorities tell each other. */
  readonly topics?: readonly SyncTopic[]
  readonly lists?: () => ReadonlyMap<string, number>
  /** Certificates that this authority shows beside its own as a workload. */
  readonly alsoShown?: AlsoShown
}
/** Trust at work: peers, evidence, rotations, the schedule. */
export interface RunningTrust {
  readonly handlers: ReturnType<typeof trustHandlers>
  readonly peers: Peers
  readonly evidence: Evidence
  readonly rotation: Rotation
  readonly schedule: Schedule
  quorum(): Promise<Quorum>
  /** One round with the others. Comes before the doors open: what was decided without this authority it has to know. */
  start(): Promise<void>
  /** Comes while the store is still open. */
  close(): Promise<void>
}

/** Puts together what works with the state of trust. Nothing happens before `start`. */
export function runTrust(options: RunTrustOptions): RunningTrust {
  const { trust, workload, links, liveness, issued, revocations } = options
  const { instance, identity, log } = workload
  const { now = Date.now } = trust.options
  const events = createTrustEvents(workload)
  const turn = new Turn()
  const onShown = (report: Report): void => claim(report)
  const evidence = new Evidence({ now, onShown })
  const topics = [trust.topic, evidence.topic, turn.topic, ...(options.topics ?? [])]
  const onMalformed = events.malformed
  const peers = new Peers({ instance, peers: links, topics, log, now, onMalformed })
  const waiters = new Waiters()
  const parts = {
    ...{ trust, peers, turn, evidence, liveness, records: issued, revoked: revocations },
    ...{ events, now },
  }
  const rotation = new Rotation(parts)
  const lists = options.lists ?? (() => new Map())
  const all = { ...parts, waiters, rotation, lists }
  const measured = { trust, evidence, waiters, lists, quorum: () => quorum(all) }
  const { stepped: onBlockers } = measureTrust(workload.metrics, measured)
  const schedule = new Schedule({ parts, rotation, onBlockers })
  const stops: (() => void)[] = []
  return {
    ...{ peers, evidence, rotation, schedule },
    handlers: trustHandlers(all),
    quorum: () => quorum(all),
    async start() {
      stops.push(trust.attach({ events, words: revocations }))
      stops.push(reportOwn({ instance, identity, trust, evidence, also: options.alsoShown }))
      stops.push(trust.onChange(() => waiters.wake()))
      await peers.start()
      schedule.start()
    },
    async close() {
      peers.close()
      await schedule.close()
      for (const stop of stops.splice(0)) stop()
      waiters.wake()
      await trust.close()
    },
  }

  function claim({ certificates, name, instance: holder }: Report): void {
    const by = { instance: holder, id: workloadId(trust.options.trustDomain, name) }
    for (const { serial } of certificates) {
      issued.claim(serial, by).catch((error: unknown) => {
        log.warn({ serial, why: messageOf(error) }, 'who shows a certificate could not be noted')
      })
    }
  }
}

/** Another authority at its own address: the mesh would spread our words over all of them, ourselves too. */
export function peerLinkAt(
  workload: Pick<Workload<'authority'>, 'callAt'>,
  at: { readonly host: string; readonly port: number },
): PeerLink {
  const client = workload.callAt(contract, { name: 'authority', ...at })
  return peerLink(client, `${at.host}:${at.port}`)
}

/** A link over a client of another authority. */
export function peerLink(
  client: Pick<Client<typeof contract, 'authority'>, 'sync' | 'rotate'>,
  address: string,
): PeerLink {
  return {
    address,
    sync: ({ instance, topics }, timeoutMs) =>
      client.sync({ body: { instance, topics } }, { timeoutMs }),
    rotate: ({ kind, step, dryRun = false, without = [] }, timeoutMs) =>
      client.rotate(
        { body: { kind, step, dryRun, without: [...without], own: true } },
        { timeoutMs },
      ),
  }
}

/** Who lives, as the registry says. */
export function livenessOf(workload: Pick<Workload<'authority'>, 'call'>): Liveness {
  return createRegistryLiveness(workload.call(registry))
}
