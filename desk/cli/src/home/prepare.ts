import { existsSync } from 'node:fs'
import { chmod, lstat, mkdir, readFile } from 'node:fs/promises'
import { userInfo } from 'node:os'
import { writeFileAtomic } from '@countersign/ground/store'
import { z } from 'zod'
import { DeskError, systemCode } from '../errors.ts'
import { STATE_VERSION } from '../limits.ts'
import type { Layout } from './layout.ts'
import { requirePrivate } from './private.ts'

/**
 * Makes the state folder and what is in it, all for this user alone (0700). Says whether this is its first start.
 * Throws `DeskError` ENVIRONMENT where the folder cannot be written, belongs to someone else, is of a newer version, or
 * holds secrets that are open to others.
 */
export async function prepareHome(layout: Layout): Promise<{ firstStart: boolean }> {
  const firstStart = !existsSync(layout.version)
  // A folder that is new to us holds no secret yet, and is closed below.
  if (!firstStart) requirePrivate(layout)
  try {
    await ownFolder(layout.root)
    await checkVersion(layout)
    const { pki, dynamo, redis, audit, kong, run, logs, secrets, identities, sockets } = layout
    for (const folder of [pki, dynamo, redis, audit, kong, run, logs, secrets, identities, sockets])
      await ownFolder(folder)
    if (firstStart) {
      await writeFileAtomic(layout.version, `${JSON.stringify({ version: STATE_VERSION })}\n`)
    }
  } catch (error) {
    if (error instanceof DeskError) throw error
    throw new DeskError(
      'ENVIRONMENT',
      `cannot write the state folder ${layout.root} (${systemCode(error) ?? 'unknown error'}).\nGive it to this user, or name another: COUNTERSIGN_HOME=<folder> countersign up`,
      { cause: error },
    )
  }
  return { firstStart }
}

/** A folder of this user that nobody else can enter. */
export async function ownFolder(path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o700 })
  const seen = await lstat(path)
  if (!seen.isDirectory()) throw new DeskError('ENVIRONMENT', `${path} is not a folder`)
  if (seen.uid !== userInfo().uid)
    throw new DeskError(
      'ENVIRONMENT',
      `the folder ${path} belongs to another user (uid ${seen.uid}); its secrets would not be ours alone`,
    )
  if ((seen.mode & 0o777) !== 0o700) await chmod(path, 0o700)
}

const versionSchema = z.object({ version: z.int().positive() })

async function checkVersion(layout: Layout): Promise<void> {
  if (!existsSync(layout.version)) return
  const text = await readFile(layout.version, 'utf8')
  const read = versionSchema.safeParse(parse(text))
  if (!read.success)
    throw new DeskError(
      'ENVIRONMENT',
      `${layout.version} is damaged; it should hold {"version":${STATE_VERSION}}`,
    )
  if (read.data.version > STATE_VERSION)
    throw new DeskError(
      'ENVIRONMENT',
      `the state folder ${layout.root} was written by a newer countersign (layout ${read.data.version}; this one knows ${STATE_VERSION}).\nUse that version, or name another folder with COUNTERSIGN_HOME`,
    )
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
