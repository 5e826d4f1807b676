import type { CallError } from '@countersign/service'
import { DeskError } from '../errors.ts'
import { printable } from '../terminal/printable.ts'

/** What the other side said when it refused, for a person at the terminal, and how to learn more. */
export function refused(error: CallError): DeskError {
  const { problem } = error
  const said = [
    problem?.detail ?? problem?.title ?? error.message,
    ...(problem?.errors ?? []).map(({ field, message }) => `  - ${field}: ${message}`),
    ...(problem === undefined ? [] : [`countersign explain ${problem.requestId}`]),
  ]
  return new DeskError('FAILED', said.map(printable).join('\n'), { cause: error })
}
