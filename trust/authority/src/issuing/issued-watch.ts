import { messageOf } from '@countersign/ground/errors'
import type { Log } from '@countersign/ground/telemetry'
import type { Events } from '../events.ts'
import { UNCLAIMED_MS, WATCH_MS, WATCH_ROWS_MAX } from '../limits.ts'
import type { Store } from '../store/store.ts'
import { readRow } from './issued-record.ts'
import { REPORTED_KINDS } from './issued-reader.ts'
import type { IssuedWriter } from './issued-writer.ts'

export interface WatchOptions {
  readonly store: Store
  readonly issued: Pick<IssuedWriter, 'told'>
  readonly events: Pick<Events, 'abandoned' | 'unclaimed'>
  readonly log: Log
  readonly now?: () => number
}
export interface IssuedWatch {
  /** One look, now. Resolves when all that it found has been told. */
  look(): Promise<void>
  close(): Promise<void>
}

const COLUMNS = '*'

/**
 * Tells the audit log what became of certificates that went astray: issuances that a crash cut off, and certificates
 * that no instance has said it shows a minute after they were made. Each once; an event is durable before its row is
 * marked, so a crash in between tells it again rather than never.
 */
export function watchIssued({
  store,
  issued,
  events,
  log,
  now = Date.now,
}: WatchOptions): IssuedWatch {
  const abandoned = store.db.prepare(`SELECT ${COLUMNS} FROM issued
    WHERE state = 'abandoned' AND told_at IS NULL ORDER BY asked_at LIMIT ${WATCH_ROWS_MAX}`)
  const unclaimed = store.db.prepare(`SELECT ${COLUMNS} FROM issued
    WHERE state = 'issued' AND claimed_by IS NULL AND told_at IS NULL AND asked_at <= ?
      AND not_after > ? AND kind IN ${REPORTED_KINDS} ORDER BY asked_at LIMIT ${WATCH_ROWS_MAX}`)

  const lookOnce = async (): Promise<void> => {
    for (const row of abandoned.all()) await tell(readRow(row), events.abandoned)
    const at = now()
    for (const row of unclaimed.all(at - UNCLAIMED_MS, at))
      await tell(readRow(row), events.unclaimed)
  }
  const tell = async (
    record: ReturnType<typeof readRow>,
    event: Events['abandoned'],
  ): Promise<void> => {
    await event(record)
    await issued.told(record.serial)
  }
  let looking: Promise<void> = Promise.resolve()
  const look = (): Promise<void> => {
    looking = looking.then(lookOnce)
    const done = looking
    looking = looking.catch(() => undefined)
    return done
  }
  const complain = (error: unknown) =>
    log.warn({ why: messageOf(error) }, 'the audit log could not be told of certificates')
  const timer = setInterval(() => void look().catch(complain), WATCH_MS).unref()
  return {
    look,
    close: async () => {
      clearInterval(timer)
      await looking
    },
  }
}
