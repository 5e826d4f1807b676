import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { link, rename, rm, writeFile } from 'node:fs/promises'
import { z } from 'zod'
import { DeskError, systemCode } from '../errors.ts'
import type { Layout } from './layout.ts'
import { processStart } from './process-time.ts'

const lockSchema = z.object({ pid: z.int().positive(), started: z.string(), since: z.string() })
/** Who runs the platform of a state folder. */
export type Lock = z.infer<typeof lockSchema>

/** The supervisor that runs now; `undefined` where there is none, whatever a crashed one left behind. */
export function currentLock(layout: Layout): Lock | undefined {
  const lock = readLock(layout.lock)
  return lock !== undefined && processStart(lock.pid) === lock.started ? lock : undefined
}

/**
 * Takes the platform for this process. One of many at the same time wins; the others get `DeskError` ALREADY_RUNNING.
 * A lock of a process that is gone is put aside first. Returns the way to give it back.
 */
export async function takeLock(layout: Layout): Promise<() => Promise<void>> {
  const mine: Lock = {
    pid: process.pid,
    started: processStart(process.pid) ?? 'unknown',
    since: new Date().toISOString(),
  }
  const unique = `${layout.lock}.${randomBytes(6).toString('hex')}`
  await writeFile(unique, JSON.stringify(mine), { mode: 0o600, flag: 'wx' })
  try {
    for (let attempt = 0; attempt < 3; attempt++) {
      if (await linked(unique, layout.lock)) return () => giveBack(layout, mine)
      await putAsideStale(layout)
    }
    throw alreadyRunning(readLock(layout.lock))
  } finally {
    await rm(unique, { force: true })
  }
}

export function alreadyRunning(lock: Lock | undefined): DeskError {
  const who = lock === undefined ? '' : `, pid ${lock.pid}, since ${lock.since}`
  return new DeskError(
    'ALREADY_RUNNING',
    `countersign already runs here${who}.\nSee it with: countersign status\nStop it with: countersign down`,
  )
}

async function linked(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to)
    return true
  } catch (error) {
    if (systemCode(error) === 'EEXIST') return false
    throw error
  }
}

// Another process may do the same at this moment: what was moved away is looked at again before it is dropped.
async function putAsideStale(layout: Layout): Promise<void> {
  const lock = currentLock(layout)
  if (lock !== undefined) throw alreadyRunning(lock)
  const aside = `${layout.lock}.${randomBytes(6).toString('hex')}`
  try {
    await rename(layout.lock, aside)
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return
    throw error
  }
  const moved = readLock(aside)
  const alive = moved !== undefined && processStart(moved.pid) === moved.started
  if (alive) await linked(aside, layout.lock)
  await rm(aside, { force: true })
  if (alive) throw alreadyRunning(moved)
}

async function giveBack(layout: Layout, mine: Lock): Promise<void> {
  const lock = readLock(layout.lock)
  if (lock?.pid === mine.pid && lock.started === mine.started)
    await rm(layout.lock, { force: true })
}

function readLock(path: string): Lock | undefined {
  try {
    const read = lockSchema.safeParse(JSON.parse(readFileSync(path, 'utf8')))
    return read.success ? read.data : undefined
  } catch {
    return undefined
  }
}
