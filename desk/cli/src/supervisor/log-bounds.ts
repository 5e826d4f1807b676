import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Layout } from '../home/layout.ts'
import { LOG_CHECK_MS } from '../limits.ts'
import { boundLog } from './log-file.ts'

/** Looks after all logs of a run, so that none outgrows its bound. Returns the way to stop. */
export function boundLogs(layout: Layout): () => void {
  let busy = false
  const look = async (): Promise<void> => {
    if (busy) return
    busy = true
    try {
      const files = (await readdir(layout.logs)).filter((file) => file.endsWith('.log'))
      await Promise.all(files.map((file) => boundLog(join(layout.logs, file))))
    } catch {
      // A disk that is full or gone shows elsewhere; the next look comes soon.
    } finally {
      busy = false
    }
  }
  const timer = setInterval(() => void look(), LOG_CHECK_MS)
  timer.unref()
  return () => clearInterval(timer)
}
