import { execFile } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { chown, lstat, mkdir, readlink, realpath, symlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { messageOf } from '@countersign/ground/errors'
import { EngineError } from '../engine.ts'
import { privateFolder, shortSocketPath } from '../private-folder.ts'

const run = promisify(execFile)

/** A user of the operating system other than ourselves, to run a process as. */
export interface OsUser {
  readonly uid: number
  readonly gid: number
}
/** Where PostgreSQL keeps its data and as whom it runs. */
export interface Placement {
  /** Holds `data` and, for root, `run`. */
  readonly base: string
  readonly data: string
  /** Folder of the unix socket (0700). */
  readonly sockets: string
  /** Where a copy of the binaries goes, if one is needed. */
  readonly copies: string
  /** Undefined: ourselves. */
  readonly user: OsUser | undefined
}

/** Folders of the engines of root, because other users cannot reach what root owns. */
const SYSTEM_FOLDER = '/var/lib/countersign'
const SOCKET_NAME = '.s.PGSQL.5432'

/**
 * Decides where the data of `folder` lies. For an ordinary user that is `<folder>/data`. PostgreSQL refuses to run as
 * root; then the data lies in `/var/lib/countersign/<hash of the folder>-<random>`, owned by `postgres` or `nobody`,
 * and `<folder>/data` is a link to it. Only that link says which data belongs to a folder.
 */
export async function place(folder: string): Promise<Placement> {
  await privateFolder(folder)
  const data = join(folder, 'data')
  const found = await lstat(data).catch(() => undefined)
  if (process.getuid?.() !== 0) {
    if (found?.isSymbolicLink() === true) {
      throw new EngineError(`${data} was made by root; start as root, or wipe it as root`)
    }
    return ordinary(folder, undefined)
  }
  if (found?.isDirectory() === true) {
    if (found.uid === 0) throw new EngineError(`${data} belongs to root; PostgreSQL cannot use it`)
    throw new EngineError(
      `${data} was made by the user with id ${found.uid}; start as that user, or wipe it`,
    )
  }
  const user = await unprivilegedUser()
  await makeSystemFolder()
  const base = found === undefined ? await newBase(folder, user) : await linkedBase(data)
  if ((await lstat(base).catch(() => undefined)) === undefined) {
    throw new EngineError(`the data that ${data} links to is gone; wipe ${folder} to begin anew`)
  }
  return { base, data: join(base, 'data'), sockets: join(base, 'run'), copies: SYSTEM_FOLDER, user }
}

async function ordinary(folder: string, user: undefined): Promise<Placement> {
  const sockets = dirname(shortSocketPath(join(folder, 'run', SOCKET_NAME)))
  await privateFolder(sockets)
  return { base: folder, data: join(folder, 'data'), sockets, copies: folder, user }
}

/** Where the data of root's `folder` lies; undefined where the folder has none of its own. */
export async function existingBase(folder: string): Promise<string | undefined> {
  const data = join(folder, 'data')
  const found = await lstat(data).catch(() => undefined)
  return found?.isSymbolicLink() === true ? linkedBase(data) : undefined
}

/** A link to anywhere else than our system folder is not ours, and following it could destroy what belongs to others. */
async function linkedBase(data: string): Promise<string> {
  const base = dirname(await readlink(data))
  if (dirname(base) === SYSTEM_FOLDER) return base
  throw new EngineError(`${data} links to ${base}, which is not below ${SYSTEM_FOLDER}; remove it`)
}

async function newBase(folder: string, user: OsUser): Promise<string> {
  const hash = createHash('sha256').update(await realpath(folder))
  const name = `${hash.digest('hex').slice(0, 16)}-${randomBytes(4).toString('hex')}`
  const base = join(SYSTEM_FOLDER, name)
  try {
    for (const path of [base, join(base, 'run')]) {
      await mkdir(path, { mode: 0o700 })
      await chown(path, user.uid, user.gid)
    }
    await symlink(join(base, 'data'), join(folder, 'data'))
    return base
  } catch (error) {
    throw new EngineError(`cannot make ${base} for PostgreSQL: ${messageOf(error)}`, error)
  }
}

/** What lies in a folder that others can write to could be anybody's. */
async function makeSystemFolder(): Promise<void> {
  await mkdir(SYSTEM_FOLDER, { recursive: true, mode: 0o755 }).catch((error: unknown) => {
    throw new EngineError(`cannot make ${SYSTEM_FOLDER}: ${messageOf(error)}`, error)
  })
  const found = await lstat(SYSTEM_FOLDER)
  if (!found.isDirectory() || found.uid !== 0 || (found.mode & 0o022) !== 0) {
    throw new EngineError(`${SYSTEM_FOLDER} must be a folder that only root can write to; mend it`)
  }
}

async function unprivilegedUser(): Promise<OsUser> {
  for (const name of ['postgres', 'nobody']) {
    const uid = await idOf('-u', name)
    const gid = await idOf('-g', name)
    if (uid !== undefined && gid !== undefined && uid !== 0) return { uid, gid }
  }
  throw new EngineError(
    'PostgreSQL does not run as root, and there is no user "postgres" or "nobody"; start as an ordinary user',
  )
}

async function idOf(flag: string, name: string): Promise<number | undefined> {
  const { stdout } = await run('id', [flag, name]).catch(() => ({ stdout: '' }))
  return /^[0-9]+\s*$/.test(stdout) ? Number(stdout) : undefined
}
