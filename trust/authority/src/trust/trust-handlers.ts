import { createHash } from 'node:crypto'
import { type Handlers, workloadId } from '@countersign/contract'
import type { authority as contract, Quorum, TrustWord } from '@countersign/contract/platform'
import type { Permit } from '@countersign/layers'
import type { Context } from '@countersign/service'
import { toRefusal } from '../errors.ts'
import { factsOf } from '../evidence/domain/fact.ts'
import type { Evidence } from '../evidence/evidence.ts'
import type { Waiters } from '../evidence/waiters.ts'
import { forecast } from '../forecast/domain/forecast.ts'
import type { Peers } from '../peers/peers.ts'
import { spanOf } from '../pki/create-ca.ts'
import { intermediatesOf } from './domain/trust-state.ts'
import { FORECAST_MS, TRUST_WORD_MS_MIN, UNCLAIMED_AFTER_MS, UNCLAIMED_MAX } from './limits.ts'
import { upOf } from './sight.ts'
import type { Records, Revoked, RotationParts } from './rotation-parts.ts'
import type { Rotation } from './rotation.ts'
import type { Words } from './trust-view.ts'

/** The certificates on record, and who says he shows them. */
export interface Issued extends Records {
  /** Certificates of a workload, by its SPIFFE id, that nobody has reported so long after they were asked for. */
  unclaimed(name: string, olderThanMs: number): readonly UnclaimedRecord[]
}
interface UnclaimedRecord {
  readonly serial: string
  readonly lineage: string
  readonly askedAt: number
}
export interface TrustHandlerParts extends RotationParts {
  readonly peers: Peers
  readonly evidence: Evidence
  readonly waiters: Waiters
  readonly rotation: Rotation
  readonly records: Issued
  readonly revoked: Revoked & Words
  /** Until when the lists of revocations count that are known here, by the key id of their issuer. */
  readonly lists: () => ReadonlyMap<string, number>
}
type Names = 'follow' | 'quorum' | 'rotate' | 'sync' | 'forecast'

/** What an authority answers about trust. */
export function trustHandlers(
  parts: TrustHandlerParts,
): Pick<Handlers<typeof contract, Context>, Names> {
  const { peers, rotation, evidence, waiters } = parts
  return {
    follow: async ({ body, permit, signal }) => {
      const { report, revision, waitSeconds = 0 } = body
      evidence.note(permit.caller, report, permit.callerLineage)
      const word = wordFor(parts, permit)
      if (word.revision !== revision || waitSeconds === 0 || report.leaving === true) return word
      await waiters.wait(permit.caller, waitSeconds * 1_000, signal)
      return wordFor(parts, permit)
    },
    quorum: () => quorum(parts),
    rotate: ({ body, permit, requestId }) => refusing(() => rotate(parts, body, permit, requestId)),
    sync: ({ body }) => peers.hear(body),
    forecast: ({ query }) => forecastAt(parts, query.at),
  }

  async function rotate(
    { trust }: TrustHandlerParts,
    body: { kind: 'root' | 'intermediate'; step: StepName; own?: boolean | undefined } & Flags,
    { caller }: Permit,
    requestId: string,
  ) {
    const { kind, step, dryRun = false, without = [] } = body
    const ask = { kind, step, dryRun, without }
    const asker = { actor: caller, requestId }
    // Of the others every authority asks for its own part only: who decides for all is asked by the desk.
    const reply =
      body.own === true || caller === 'authority'
        ? await rotation.own(ask, asker)
        : await rotation.rotate(ask, asker)
    return {
      ...reply,
      blockers: reply.blockers.slice(0, 1_024).map(clean),
      sequence: trust.sequence(),
    }
  }
}
type StepName = 'prepare' | 'activate' | 'retire' | 'rollback'
interface Flags {
  readonly dryRun?: boolean | undefined
  readonly without?: readonly string[] | undefined
}

function clean(blocker: {
  readonly who: string
  readonly why: string
  readonly serial?: string | undefined
  readonly until?: number | undefined
}) {
  const { who, why, serial, until } = blocker
  return {
    ...{ who: who.slice(0, 256), why: why.slice(0, 512) },
    ...(serial !== undefined && { serial }),
    ...(until !== undefined && { until }),
  }
}

/** What one workload is told: what all are, and which certificates of its name nobody claims. */
function wordFor(parts: TrustHandlerParts, { caller }: Permit): TrustWord {
  const { trust, now } = parts
  const { issuers, revoked: taken, ...word } = trust.word()
  const { lifetimes } = trust.options
  const unclaimed = unclaimedOf(parts, caller)
  return {
    ...word,
    ...{ issuers: [...issuers], revoked: [...taken], unclaimed },
    revision: unclaimed.length === 0 ? word.revision : `${word.revision}.${digest(unclaimed)}`,
    nextUpdate: now() + Math.max(TRUST_WORD_MS_MIN, 2 * lifetimes.leafMs),
  }
}

/** What no instance has reported, also not a moment ago: that is noted, and on record soon. */
function unclaimedOf({ trust, records, revoked, evidence }: TrustHandlerParts, caller: string) {
  const id = workloadId(trust.options.trustDomain, caller)
  const found = records.unclaimed(id, UNCLAIMED_AFTER_MS)
  if (found.length === 0) return []
  const shown = new Set(
    evidence.reports().flatMap(({ certificates }) => certificates.map(({ serial }) => serial)),
  )
  return found
    .filter((record) => !shown.has(record.serial) && !revoked.has(record))
    .slice(0, UNCLAIMED_MAX)
    .map(({ serial, lineage, askedAt: issuedAt }) => ({ serial, lineage, issuedAt }))
}

function digest(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 16)
}

/** Who of the authorities is up, and with what. */
export async function quorum({ trust, peers, revoked, now }: TrustHandlerParts): Promise<Quorum> {
  const keys = await trust.rootKeys()
  const state = trust.state()
  const below = intermediatesOf(state)
  const views = new Map(peers.views().map((view) => [view.instance, view]))
  const names = new Set([trust.instance, ...below.map(({ instance }) => instance), ...views.keys()])
  const authorities = [...names].toSorted().map((instance) => {
    const intermediates = below
      .filter((each) => each.instance === instance)
      .map(({ id, root, state: stage, certificate }) => ({
        ...{ id, root, state: stage, notAfter: spanOf(certificate).notAfter },
      }))
    return { instance, intermediates, ...seen(instance) }
  })
  return {
    ...{ instance: trust.instance, sequence: trust.sequence(), revision: trust.revision() },
    roots: state.roots.entries.map(({ id, state: stage, certificate }) => ({
      ...{ id, state: stage, notAfter: spanOf(certificate).notAfter, keyIsHere: keys.has(id) },
    })),
    authorities,
    revocations: revoked.words().length,
  }

  function seen(instance: string) {
    if (instance === trust.instance) {
      const [sequence, revision] = [trust.sequence(), trust.revision()]
      return { up: true, seenAt: now(), sequence, revision }
    }
    const view = views.get(instance)
    if (view === undefined) return { up: false }
    return { up: view.up, seenAt: view.seenAt, ...trust.topic.wordOf(instance) }
  }
}

/** What breaks until `at`; a month from now where nothing is said. */
async function forecastAt(parts: TrustHandlerParts, wanted: number | undefined) {
  const { trust, evidence, records, lists, now } = parts
  const { rotation, lifetimes } = trust.options
  const present = now()
  const at = Math.max(wanted ?? present + FORECAST_MS, present)
  const facts = factsOf(evidence.reports(), [], present)
  const shown = facts.flatMap(({ who, report }) =>
    (report?.certificates ?? []).map(({ issuer, notAfter }) => ({ who, issuer, notAfter })),
  )
  const findings = forecast({
    ...{ now: present, at, state: trust.state(), up: upOf(parts), rotation, shown },
    endOf: (certificate) => spanOf(certificate).notAfter,
    ...{ leafMs: lifetimes.leafMs, rootKeys: await trust.rootKeys() },
    outside: records
      .list({ kind: 'acme', validAt: present })
      .filter((each) => !parts.revoked.has(each)),
    lists: lists(),
    wordMs: Math.max(TRUST_WORD_MS_MIN, 2 * lifetimes.leafMs),
  })
  return { now: present, at, findings }
}

async function refusing<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw toRefusal(error)
  }
}
