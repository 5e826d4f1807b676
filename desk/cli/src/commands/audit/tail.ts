import { type AuditEvent, audit } from '@countersign/contract/platform'
import type { Connected } from '@countersign/service'
import type { Desk } from '../../desk.ts'
import { DeskError } from '../../errors.ts'
import { EXIT, type ExitCode } from '../../exit-codes.ts'
import type { Entry } from '../../explain/read-request.ts'
import { AUDIT_PAGE_MAX, AUDIT_WAIT_MS } from '../../limits.ts'
import { withDeskLink } from '../../mesh/desk-link.ts'
import { countOption } from '../../options.ts'
import type { Colours } from '../../terminal/colours.ts'
import { printable } from '../../terminal/printable.ts'

export interface TailOptions {
  readonly follow?: boolean
  readonly lines: string
  readonly request?: string
  readonly user?: string
  readonly service?: string
  readonly action?: string
  readonly status?: string
  readonly alerts?: boolean
  readonly json?: boolean
}
const STATUSES = ['intent', 'success', 'refused', 'failure'] as const

/** `countersign audit tail`: the last events that fit, and with `--follow` those to come. */
export async function tail(desk: Desk, options: TailOptions): Promise<ExitCode> {
  const count = Math.min(countOption('--lines', options.lines), AUDIT_PAGE_MAX)
  const filter = filterOf(options)
  const show = ({ index, event }: Entry): void => {
    if (options.json === true) desk.output.json({ index, event })
    else desk.output.line(eventLine(index, event, desk.output.colours))
  }
  return withDeskLink(desk, async (link) => {
    const last = await link
      .call(audit)
      .query({ query: { ...filter, limit: Math.max(1, count), newestFirst: true } as never })
    for (const entry of count === 0 ? [] : last.entries.toReversed()) show(entry)
    if (options.follow === true) await follow(link, { filter, from: last.size, show })
    return EXIT.ok
  })
}

type Filter = Readonly<Record<string, string>>

async function follow(
  link: Connected<'desk'>,
  { filter, from, show }: { filter: Filter; from: number; show: (entry: Entry) => void },
): Promise<never> {
  for (let after = from; ; ) {
    const query = { ...filter, after, waitMs: AUDIT_WAIT_MS, limit: AUDIT_PAGE_MAX }
    const page = await link.call(audit).query({ query })
    for (const entry of page.entries) show(entry)
    const last = page.entries.at(-1)
    // A full page may not be the last one; otherwise all up to the size was looked at.
    after =
      page.entries.length === AUDIT_PAGE_MAX && last !== undefined
        ? last.index + 1
        : Math.max(after, page.size)
  }
}

function filterOf(options: TailOptions): Filter {
  const { status } = options
  if (status !== undefined && !STATUSES.some((each) => each === status))
    throw new DeskError(
      'USAGE',
      `--status is one of ${STATUSES.join(', ')}, not ${JSON.stringify(status)}`,
    )
  const wanted: Readonly<Record<string, string | undefined>> = {
    requestId: options.request,
    userId: options.user,
    service: options.service,
    action: options.action,
    status,
    kind: options.alerts === true ? 'alert' : undefined,
  }
  const given = Object.entries(wanted).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value]],
  )
  return Object.fromEntries(given)
}

/** One event on one line. */
export function eventLine(index: number, event: AuditEvent, colours: Colours): string {
  const { dim, red, green, yellow } = colours
  const paint = event.status === 'success' ? green : event.status === 'intent' ? yellow : red
  const alert = event.event.kind === 'alert' ? `${red('ALERT')} ` : ''
  const who = event.user?.name ?? event.userId ?? event.client?.workload ?? '-'
  const what = [event.event.code, event.event.reason ?? event.countersign?.rule]
    .filter((text) => text !== undefined)
    .join(' ')
  const text = `${dim(String(index).padStart(6))} ${event.timestamp.slice(11, 23)} ${alert}${printable(event.serviceName)} ${printable(event.action)} ${paint(event.status)} ${printable(who)}`
  const request = event.http?.request?.id
  return [text, dim(printable(what)), request === undefined ? '' : dim(printable(request))]
    .filter((part) => part !== '')
    .join(' ')
}
