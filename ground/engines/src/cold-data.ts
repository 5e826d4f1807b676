import { readFileSync } from 'node:fs'
import { lstat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { Log } from '@countersign/ground/telemetry'
import { locatePackage } from './postgres/binaries.ts'
import { existingBase, type OsUser, place } from './postgres/placement.ts'
import { STOP_SIGNALS } from './postgres/start.ts'
import { stopStale } from './stop-stale.ts'

/*
 * The data of engines while they are down, for backup and restore. PostgreSQL's lies outside its folder where root runs
 * it, so only this room knows where; what is in it is copied as it is.
 */

/**
 * Where the data of a PostgreSQL folder lies; `undefined` where there is none. Stops a server that an earlier supervisor
 * left behind: what it writes would not be in a copy.
 */
export async function coldPostgres(folder: string, log: Log): Promise<string | undefined> {
  const path = resolve(folder)
  const data = join((await existingBase(path)) ?? path, 'data')
  if ((await lstat(data).catch(() => undefined)) === undefined) return undefined
  const pidFile = join(data, 'postmaster.pid')
  await stopStale({ pidFile, folder: data, signals: STOP_SIGNALS, log })
  return data
}

/** The same for dynalite. */
export async function coldDynamo(folder: string, log: Log): Promise<void> {
  const path = resolve(folder)
  await stopStale({ pidFile: join(path, 'dynamo.pid'), folder: path, signals: ['SIGTERM'], log })
}

/**
 * Makes room for data that comes from elsewhere: where it has to be written, and to whom it must belong (`undefined`:
 * to us). `wipe` takes it back. Throws `EngineError`.
 */
export async function placePostgres(
  folder: string,
): Promise<{ readonly data: string; readonly owner: OsUser | undefined }> {
  const { data, user } = await place(resolve(folder))
  return { data, owner: user }
}

/** The main version of PostgreSQL that comes with us, as in 18; `undefined` where it is not installed. */
export function postgresMajor(): number | undefined {
  try {
    const manifest = join(locatePackage(), '..', 'package.json')
    const { version } = JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }
    return Number.parseInt(version, 10)
  } catch {
    return undefined
  }
}
