import { messageOf } from '@countersign/ground/errors'
import { DeskError } from '../errors.ts'
import type { Layout } from '../home/layout.ts'
import { START_FAILURE_LINES } from '../limits.ts'
import { LogReader } from '../logs/log-reader.ts'
import { readableLine } from '../logs/readable-line.ts'
import { colours } from '../terminal/colours.ts'
import { NotStarted } from './not-started.ts'

/** Why a start failed, for people: a process that gave no reason of its own is quoted from its log. */
export async function startFailure(error: unknown, layout: Layout): Promise<DeskError> {
  if (error instanceof DeskError) return error
  if (!(error instanceof NotStarted)) {
    const environment =
      error instanceof Error && 'code' in error && error.code === 'ENGINE_UNAVAILABLE'
    return new DeskError(environment ? 'ENVIRONMENT' : 'FAILED', messageOf(error), { cause: error })
  }
  const { instance } = error
  const lines = await new LogReader(instance, layout.log(instance)).last(START_FAILURE_LINES)
  const quoted = lines.map((line) => `  ${readableLine(instance, line, colours(false))}`).join('\n')
  const more = quoted === '' ? '' : `\nThe end of its log:\n${quoted}`
  // The port was free when we looked; somebody was faster.
  const code = error.message.includes('EADDRINUSE') ? 'ENVIRONMENT' : 'FAILED'
  return new DeskError(code, `${error.message}${more}\nSee: countersign logs ${instance}`, {
    cause: error,
  })
}
