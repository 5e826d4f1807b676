import { mkdir, mkdtemp, open, readdir, rename, rm } from 'node:fs/promises'
import { arch, platform } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { afterRestore } from '@countersign/authority'
import { placePostgres, postgresMajor, wipe } from '@countersign/engines'
import { syncFolder } from '@countersign/ground/store'
import type { Log } from '@countersign/ground/telemetry'
import { DeskError, systemCode } from '../errors.ts'
import { processStart } from '../home/process-time.ts'
import { STATE_VERSION } from '../limits.ts'
import type { EntrySink } from './entries.ts'
import type { StateEntry } from './format.ts'
import { type Read, readBackup } from './read-backup.ts'

const POSTGRES_DATA = 'postgres/data'

/**
 * Puts the state of a backup into `root`, which must be empty or not be there. All of it is written beside first and
 * gets its name at the end, in one step: whatever goes wrong before, `root` is as it was. Durable on return.
 * Throws `DeskError`.
 */
export async function restoreState(options: {
  root: string
  file: string
  passphrase: string
  log: Log
}): Promise<Read> {
  const { root, log } = options
  await requireEmpty(root)
  await mkdir(dirname(root), { recursive: true })
  await removeLeftovers(root, log)
  const staging = await mkdtemp(`${stagingPrefix(root)}${process.pid}-`)
  try {
    const read = await readBackup(options, writerInto(staging))
    await afterRestore(join(staging, 'pki'))
    await syncFolder(staging)
    await rename(staging, root)
    await syncFolder(dirname(root))
    return read
  } catch (error) {
    await discard(staging, log)
    if (error instanceof DeskError || systemCode(error) === undefined) throw error
    throw new DeskError('ENVIRONMENT', `cannot write ${root} (${systemCode(error)})`, {
      cause: error,
    })
  }
}

function stagingPrefix(root: string): string {
  return join(dirname(root), `.${basename(root)}.restoring-`)
}

/** What restores left that were killed. Their names tell whose they were. */
async function removeLeftovers(root: string, log: Log): Promise<void> {
  const prefix = basename(stagingPrefix(root))
  for (const name of await readdir(dirname(root))) {
    const pid = name.startsWith(prefix)
      ? Number.parseInt(name.slice(prefix.length), 10)
      : Number.NaN
    if (pid > 0 && processStart(pid) === undefined) await discard(join(dirname(root), name), log)
  }
}

async function discard(staging: string, log: Log): Promise<void> {
  // Root's data of PostgreSQL lies elsewhere; only the link in the folder tells where.
  await wipe(join(staging, 'postgres'), log).catch(() => undefined)
  await rm(staging, { recursive: true, force: true })
}

/** Throws `DeskError` where there is something already that a restore would mix with. */
export async function requireEmpty(root: string): Promise<void> {
  const names = await readdir(root).catch((error: unknown): string[] => {
    if (systemCode(error) === 'ENOENT') return []
    throw new DeskError('ENVIRONMENT', `cannot use ${root} (${systemCode(error)})`, {
      cause: error,
    })
  })
  if (names.length === 0) return
  throw new DeskError(
    'ENVIRONMENT',
    `${root} is not empty; a restore never mixes with what is there.\nName another folder with COUNTERSIGN_HOME, or forget this one: countersign down --wipe`,
  )
}

interface Owner {
  readonly uid: number
  readonly gid: number
}
interface Target {
  readonly path: string
  readonly owner: Owner | undefined
}

/** Writes entries below a folder; PostgreSQL's data goes where the engine wants it. */
function writerInto(staging: string): EntrySink {
  let data: Target | undefined
  const targetOf = (path: string): Target => {
    if (data !== undefined && path.startsWith(`${POSTGRES_DATA}/`))
      return { path: join(data.path, path.slice(POSTGRES_DATA.length + 1)), owner: data.owner }
    return { path: join(staging, path), owner: undefined }
  }
  return async (entry, body) => {
    if (entry.type === 'state') return requireFit(entry)
    if (entry.type === 'end') return
    if (entry.type === 'folder' && entry.path === POSTGRES_DATA) {
      const placed = await placePostgres(join(staging, 'postgres'))
      data = { path: placed.data, owner: placed.owner }
      return makeFolder(data, entry.mode)
    }
    const target = targetOf(entry.path)
    if (entry.type === 'folder') return makeFolder(target, entry.mode)
    return writeFile(target, entry.mode, body)
  }
}

/** PostgreSQL's data is that of one main version and one kind of machine. */
function requireFit(state: StateEntry): void {
  if (state.stateVersion > STATE_VERSION)
    throw new DeskError('ENVIRONMENT', 'the backup is of a newer countersign; restore it with that')
  if (state.postgres === null) return
  if (state.platform !== platform() || state.arch !== arch())
    throw new DeskError(
      'ENVIRONMENT',
      `the backup holds a PostgreSQL of ${state.platform}-${state.arch}, which does not run on ${platform()}-${arch()}`,
    )
  const ours = postgresMajor()
  if (ours !== state.postgres)
    throw new DeskError(
      'ENVIRONMENT',
      `the backup holds data of PostgreSQL ${state.postgres}; here is ${ours ?? 'none'}`,
    )
}

async function makeFolder({ path, owner }: Target, mode: number): Promise<void> {
  await mkdir(path, { mode: 0o700 })
  const folder = await open(path, 'r')
  try {
    await folder.chmod(mode)
    if (owner !== undefined) await folder.chown(owner.uid, owner.gid)
  } finally {
    await folder.close()
  }
}

async function writeFile(
  { path, owner }: Target,
  mode: number,
  body: AsyncIterable<Buffer>,
): Promise<void> {
  // Never over something: each path is there once.
  const file = await open(path, 'wx', 0o600)
  try {
    for await (const part of body) await file.writeFile(part)
    await file.chmod(mode)
    if (owner !== undefined) await file.chown(owner.uid, owner.gid)
    await file.sync()
  } finally {
    await file.close()
  }
}
