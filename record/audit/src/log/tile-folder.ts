import { mkdir, readdir, readFile, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import {
  encodeEntry,
  HASH_BYTES,
  parseBundle,
  parseTilePath,
  TILE_WIDTH,
  type TileName,
  tilePath,
} from '@countersign/ground/merkle'
import { syncFolder, writeFileAtomic } from '@countersign/ground/store'

/*
 * The log as a folder of files, as C2SP tlog-tiles lays them out. Full tiles never change. Of a partial tile only the
 * newest is kept: any narrower one is its beginning.
 */

/** Reads `checkpoint` or a tile path below the folder; `undefined` where it is not there. */
export type ReadFile = (path: string) => Promise<Buffer | undefined>

/** A reader of a log folder that also answers for partial tiles of which a wider one is there. */
export function readLogFolder(folder: string): ReadFile {
  return async (path) => {
    const whole = await readIfThere(join(folder, path))
    const name = whole === undefined ? parseTilePath(path) : undefined
    if (name === undefined || name.width === TILE_WIDTH) return whole
    const wider = await readWider(folder, name)
    return wider === undefined ? undefined : cutTile(wider, name)
  }
}

/** Writes a tile. Durable on return, with every folder above it. */
export async function writeTile(folder: string, name: TileName, bytes: Buffer): Promise<void> {
  const path = join(folder, tilePath(name))
  await makeFolder(dirname(path))
  await writeFileAtomic(path, bytes)
}

/** Deletes the partial tiles beside `name`: narrower ones, or all of them where `name` is full. */
export async function dropOtherPartials(folder: string, name: TileName): Promise<void> {
  const partials = `${join(folder, tilePath({ ...name, width: TILE_WIDTH }))}.p`
  if (name.width === TILE_WIDTH) return rm(partials, { recursive: true, force: true })
  for (const file of await listIfThere(partials))
    if (file !== String(name.width)) await rm(join(partials, file), { force: true })
}

async function readWider(folder: string, name: TileName): Promise<Buffer | undefined> {
  const full = join(folder, tilePath({ ...name, width: TILE_WIDTH }))
  const widths = (await listIfThere(`${full}.p`)).map(Number).filter((width) => width > name.width)
  const candidates = [full, ...widths.map((width) => join(`${full}.p`, String(width)))]
  for (const path of candidates) {
    const bytes = await readIfThere(path)
    if (bytes !== undefined) return bytes
  }
  return undefined
}

function cutTile(bytes: Buffer, { level, width }: TileName): Buffer {
  if (level !== 'entries') return bytes.subarray(0, width * HASH_BYTES)
  return Buffer.concat(parseBundle(bytes).entries.slice(0, width).map(encodeEntry))
}

async function makeFolder(path: string): Promise<void> {
  const first = await mkdir(path, { recursive: true, mode: 0o700 })
  if (first === undefined) return
  // A new folder is durable once the folder that it stands in is.
  for (let at = path; at.length >= first.length; at = dirname(at)) await syncFolder(dirname(at))
}

async function readIfThere(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path)
  } catch (error) {
    if (isAbsence(error)) return undefined
    throw error
  }
}

async function listIfThere(path: string): Promise<string[]> {
  try {
    return await readdir(path)
  } catch (error) {
    if (isAbsence(error)) return []
    throw error
  }
}

const isAbsence = (error: unknown): boolean => {
  const { code } = error as NodeJS.ErrnoException
  return code === 'ENOENT' || code === 'ENOTDIR' || code === 'EISDIR'
}
