import { lstat, rm } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import type { Log } from '@countersign/ground/telemetry'
import { shortSocketPath } from '../private-folder.ts'
import { stopStale } from '../stop-stale.ts'
import { existingBase } from './placement.ts'
import { STOP_SIGNALS } from './start.ts'

/**
 * Forgets a PostgreSQL folder: stops a server that still runs on it, then removes the data, also where root's data
 * lies outside, and the folder itself. Safe to repeat. A plain `rm` would leave root's data behind.
 */
export async function wipe(folder: string, log: Log): Promise<void> {
  const path = resolve(folder)
  if ((await lstat(path).catch(() => undefined)) === undefined) return
  const base = await existingBase(path)
  const data = join(base ?? path, 'data')
  const pidFile = join(data, 'postmaster.pid')
  await stopStale({ pidFile, folder: data, signals: STOP_SIGNALS, log })
  if (base !== undefined) await rm(base, { recursive: true, force: true })
  const sockets = dirname(shortSocketPath(join(path, 'run', '.s.PGSQL.5432')))
  await rm(sockets, { recursive: true, force: true })
  await rm(path, { recursive: true, force: true })
}
