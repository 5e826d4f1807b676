import type { AuditEvent } from '@countersign/contract/platform'
import type { Judge, Judgement, Recorded } from '@countersign/gateway'

/*
 * Recorded requests, held against two configurations. Pure. Both sides are judged, and what was really answered is not
 * looked at: limits, addresses and services had a say in that, and the configuration is what is asked about.
 */

/** What the record says of a request at the public door, and how often it says so. */
export interface RecordedRequest extends Omit<Recorded, 'ourHosts'> {
  readonly times: number
}
export type Kind = 'denied' | 'allowed' | 'rerouted' | 'answered otherwise' | 'up to others'
export interface Difference {
  readonly kind: Kind
  readonly request: RecordedRequest
  readonly before: Judgement
  readonly after: Judgement
}
type Judging = Extract<Judge, { readonly ok: true }>['judge']

/** Names by which the public door is reached whatever operators say. */
const OUR_HOSTS: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '[::1]'])

/** The requests among events of gateways, each kind once. What has no path never was a request. */
export function requestsOf(events: readonly AuditEvent[]): readonly RecordedRequest[] {
  const found = new Map<string, RecordedRequest>()
  for (const event of events) {
    const request = requestOf(event)
    if (request === undefined) continue
    const { method, host, path, person } = request
    const key = JSON.stringify([method, host, path, person?.roles])
    const times = (found.get(key)?.times ?? 0) + (event.countersign?.repeated ?? 1)
    found.set(key, { ...request, times })
  }
  return [...found.values()].sort((a, b) => b.times - a.times)
}

function requestOf(event: AuditEvent): Omit<RecordedRequest, 'times'> | undefined {
  const { status, countersign, http, url, user, userId } = event
  const method = http?.request?.method
  // The intent has an end that tells of the same request.
  if (status === 'intent' || countersign?.door !== 'gateway') return undefined
  if (method === undefined || url === undefined) return undefined
  const host = (url.domain ?? 'localhost').toLowerCase()
  const roles = user?.roles
  if (userId === null || roles === undefined) return { method, host, path: url.path }
  const nobody = { clientId: undefined, tokenId: undefined }
  return {
    method,
    host,
    path: url.path,
    person: { id: userId, name: user?.name, roles, ...nobody },
  }
}

/** Those that would be decided otherwise, in the order of the requests. */
export function differences(
  requests: readonly RecordedRequest[],
  { before, after }: { readonly before: Judging; readonly after: Judging },
): readonly Difference[] {
  return requests.flatMap((request) => {
    const asked = { ...request, ourHosts: OUR_HOSTS }
    const [now, then] = [before(asked), after(asked)]
    const kind = kindOf(now, then)
    return kind === undefined ? [] : [{ kind, request, before: now, after: then }]
  })
}

function kindOf(before: Judgement, after: Judgement): Kind | undefined {
  if (before.decision !== after.decision) {
    if (after.decision === 'refuse') return 'denied'
    if (after.decision === 'pass')
      return before.decision === 'refuse' ? 'allowed' : 'answered otherwise'
    return 'answered otherwise'
  }
  if (before.decision === 'pass' && before.route !== after.route) return 'rerouted'
  if (before.statusClass !== after.statusClass) return 'answered otherwise'
  const said = (judgement: Judgement): string => [...judgement.depends].sort().join()
  return after.decision === 'pass' && said(before) !== said(after) ? 'up to others' : undefined
}
