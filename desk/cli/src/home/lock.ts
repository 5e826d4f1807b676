import { readFileSync } from 'node:fs'
import { rm, writeFile } from 'node:fs/promises'
import { DatabaseSync } from 'node:sqlite'
import { writeFileAtomic } from '@countersign/ground/store'
import { z } from 'zod'
import { DeskError } from '../errors.ts'
import type { Layout } from './layout.ts'
import { processStart } from './process-time.ts'

/*
 * One supervisor a state folder. The lock is one of the operating system, which ends with the process that holds it,
 * however it ends; SQLite takes it for us, since Node cannot. Beside it lies a note of who holds it, for people and
 * for other commands.
 */
const noteSchema = z.object({ pid: z.int().positive(), started: z.string(), since: z.string() })
/** Who runs the platform of a state folder. */
export type Lock = z.infer<typeof noteSchema>

/** The supervisor that runs now; `undefined` where there is none, whatever a crashed one left behind. */
export function currentLock(layout: Layout): Lock | undefined {
  const lock = readNote(layout.lock)
  return lock !== undefined && processStart(lock.pid) === lock.started ? lock : undefined
}

/**
 * Takes the platform for this process. One of many at the same time wins; the others get `DeskError` ALREADY_RUNNING.
 * Returns the way to give it back.
 */
export async function takeLock(layout: Layout): Promise<() => Promise<void>> {
  const path = `${layout.lock}.lock`
  // Made once and never opened by us beside SQLite: to close a file ends all locks that a process has on it (fcntl(2)).
  await writeFile(path, '', { mode: 0o600, flag: 'wx' }).catch(() => undefined)
  let held: DatabaseSync | undefined
  try {
    held = new DatabaseSync(path)
    held.exec('BEGIN EXCLUSIVE')
  } catch (error) {
    held?.close()
    if (isBusy(error)) throw alreadyRunning(readNote(layout.lock))
    throw new DeskError('ENVIRONMENT', `cannot lock ${path}; does ${layout.root} belong to you?`, {
      cause: error,
    })
  }
  const mine: Lock = {
    pid: process.pid,
    started: processStart(process.pid) ?? 'unknown',
    since: new Date().toISOString(),
  }
  await writeFileAtomic(layout.lock, JSON.stringify(mine))
  return async () => {
    await rm(layout.lock, { force: true })
    held.close()
  }
}

export function alreadyRunning(lock: Lock | undefined): DeskError {
  const who = lock === undefined ? '' : `, pid ${lock.pid}, since ${lock.since}`
  return new DeskError(
    'ALREADY_RUNNING',
    `countersign already runs here${who}.\nSee it with: countersign status\nStop it with: countersign down`,
  )
}

const SQLITE_BUSY = 5
function isBusy(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error && error.errcode === SQLITE_BUSY
}

function readNote(path: string): Lock | undefined {
  try {
    const read = noteSchema.safeParse(JSON.parse(readFileSync(path, 'utf8')))
    return read.success ? read.data : undefined
  } catch {
    return undefined
  }
}
