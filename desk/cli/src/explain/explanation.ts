import type { Colours } from '../terminal/colours.ts'
import { printable } from '../terminal/printable.ts'
import type { Entry } from './read-request.ts'

/** What happened to a request, for people: each door it met, and for a refusal the rule and the way out. */
export function explanation(id: string, entries: readonly Entry[], colours: Colours): string {
  const parts = entries.map((entry) => doorLines(entry, colours).join('\n'))
  return [`${colours.bold('request')} ${printable(id)}`, ...parts].join('\n\n')
}

function doorLines(
  { index, event }: Entry,
  { bold, red, green, yellow }: Colours,
): readonly string[] {
  const { countersign: facts, status } = event
  const paint = status === 'success' ? green : status === 'intent' ? yellow : red
  const who = [
    event.client?.workload === undefined ? undefined : `workload ${event.client.workload}`,
    event.userId === null ? undefined : `person ${event.user?.name ?? event.userId}`,
    event.user?.roles === undefined ? undefined : `roles ${event.user.roles.join(', ') || 'none'}`,
    event.client?.ip === undefined ? undefined : `from ${event.client.ip}`,
  ].filter((text) => text !== undefined)
  const code = event.event.code === undefined ? '' : ` ${event.event.code}`
  const http = event.http?.response === undefined ? '' : ` (${event.http.response.status_code})`
  const rows: readonly (readonly [string, string | undefined])[] = [
    ['when', event.timestamp],
    ['door', facts?.door ?? `${event.serviceName} (${event.service?.node.name ?? 'unknown'})`],
    ['hinge', facts?.hinge],
    ['who', who.join(', ') || undefined],
    ['rule', facts?.rule ?? event.rule?.id],
    ['reason', event.event.reason],
    ['remedy', status === 'refused' ? facts?.remedy : undefined],
    ['log entry', String(index)],
  ]
  return [
    `${bold(printable(event.action))} ${paint(`${status}${printable(code)}${http}`)}`,
    ...rows.flatMap(([name, text]) =>
      text === undefined ? [] : [`  ${name.padEnd(10)} ${printable(text)}`],
    ),
  ]
}
