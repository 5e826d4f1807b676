import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chown, lstat, open, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { messageOf } from '@countersign/ground/errors'
import { writeFileAtomic } from '@countersign/ground/store'
import { EngineError } from '../engine.ts'
import { INIT_MS_MAX } from '../limits.ts'
import type { Binaries } from './binaries.ts'
import { ADMIN } from './database.ts'
import type { Placement } from './placement.ts'

const run = promisify(execFile)

/**
 * Makes the data folder where there is none, and returns the administrator's password, which is kept in
 * `<folder>/admin.password` (0600). The data folder gets its name last: a crash before leaves nothing half made.
 */
export async function initialise(
  folder: string,
  place: Placement,
  binaries: Binaries,
): Promise<string> {
  const passwordFile = join(folder, 'admin.password')
  const known = await readFile(passwordFile, 'utf8').catch(() => undefined)
  const exists = (await lstat(place.data).catch(() => undefined)) !== undefined
  if (exists) {
    if (known !== undefined) return known
    throw new EngineError(
      `${passwordFile} is missing, without which nobody can administer ${place.data}; restore it, or wipe the data`,
    )
  }
  const password = known ?? randomBytes(32).toString('base64url')
  if (known === undefined) await writeFileAtomic(passwordFile, password)
  await makeCluster(place, binaries, password)
  return password
}

async function makeCluster(place: Placement, binaries: Binaries, password: string): Promise<void> {
  const fresh = `${place.data}.new`
  const pwfile = join(place.base, 'initdb.password')
  await rm(fresh, { recursive: true, force: true })
  try {
    await writeFor(place, pwfile, password)
    await run(binaries.initdb, initArgs(fresh, pwfile), {
      cwd: place.base,
      env: { PATH: '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' },
      timeout: INIT_MS_MAX,
      ...place.user,
    })
    await rename(fresh, place.data)
  } catch (error) {
    const said = (error as { stderr?: string }).stderr?.trim() || messageOf(error)
    throw new EngineError(`cannot make the data folder ${place.data}: ${said}`, error)
  } finally {
    await rm(pwfile, { force: true })
  }
}

/** initdb reads the password from a file, which must belong to the user it runs as. */
async function writeFor(place: Placement, path: string, text: string): Promise<void> {
  await rm(path, { force: true })
  const file = await open(path, 'wx', 0o600)
  try {
    await file.writeFile(text)
  } finally {
    await file.close()
  }
  if (place.user !== undefined) await chown(path, place.user.uid, place.user.gid)
}

function initArgs(data: string, pwfile: string): string[] {
  return [
    `--pgdata=${data}`,
    `--username=${ADMIN}`,
    `--pwfile=${pwfile}`,
    '--auth-local=scram-sha-256',
    '--auth-host=reject',
    '--encoding=UTF8',
    '--locale=C',
    '--locale-provider=builtin',
    '--builtin-locale=C.UTF-8',
    '--data-checksums',
    // Small segments: an empty database takes 30 MB instead of 40.
    '--wal-segsize=4',
    '--no-instructions',
  ]
}
