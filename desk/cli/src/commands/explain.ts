import type { AuditEvent } from '@countersign/contract/platform'
import type { Desk } from '../desk.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { explanation } from '../explain/explanation.ts'
import { readRequest } from '../explain/read-request.ts'
import { DeskError } from '../errors.ts'
import { withDeskLink } from '../mesh/desk-link.ts'

const REQUEST_ID = /^[\x21-\x7e]{1,128}$/

/** `countersign explain <request-id>`: 0 when the request is known, 1 when it is not. */
export async function explain(
  desk: Desk,
  id: string,
  options: { json?: boolean },
): Promise<ExitCode> {
  if (!REQUEST_ID.test(id))
    throw new DeskError('USAGE', 'a request id is 1 to 128 printable characters')
  const entries = await withDeskLink(desk, (link) => readRequest(link, id))
  if (entries.length === 0)
    throw new DeskError(
      'FAILED',
      `the audit log knows no request ${id}.\nA door records each refusal; a success is recorded where the contract says audited.`,
    )
  if (options.json === true) desk.output.json({ requestId: id, entries: entries.map(flat) })
  else desk.output.line(explanation(id, entries, desk.output.colours))
  return EXIT.ok
}

function flat({ index, event }: { index: number; event: AuditEvent }): Record<string, unknown> {
  return {
    index,
    event,
    status: event.status,
    code: event.event.code ?? null,
    door: event.countersign?.door ?? event.serviceName,
    hinge: event.countersign?.hinge ?? null,
    rule: event.countersign?.rule ?? null,
    remedy: event.countersign?.remedy ?? null,
  }
}
