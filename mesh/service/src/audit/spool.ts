import { type FileHandle, mkdir, open, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { syncFolder } from '@countersign/ground/store'
import { BATCH_BYTES_MAX } from './limits.ts'
import { countLines, listSegments, NEWLINE, readAt, type Segment, segmentPath } from './segment.ts'

/*
 * An append-only queue of lines on disk, for one process at a time.
 *
 * 1. `append` writes behind the newest segment; a write that fails ends the segment, since half a line may be there
 * 2. `read` gives whole lines from the oldest that was not acknowledged; half a line at an end is passed over
 * 3. `acknowledge` moves the position and deletes what lies before it
 *
 * A crash is safe anywhere: the position file is replaced as a whole, and an older one only means that lines are
 * read twice, which the collector knows by their ids.
 */
export interface Lines {
  readonly lines: readonly Buffer[]
  /** Where to go on after these. */
  readonly end: Position
}
export interface Position {
  readonly segment: number
  readonly offset: number
}

export class Spool {
  readonly #folder: string
  readonly #segmentBytesMax: number
  #segments: Segment[]
  #position: Position
  #lines: number
  #writing: FileHandle | undefined
  #reading: { readonly number: number; readonly file: FileHandle } | undefined
  #unsynced = false
  /** The end of the segment before; its data is not safe until this is. */
  #ending: Promise<void> = Promise.resolve()

  private constructor(folder: string, segmentBytesMax: number, found: Found) {
    this.#folder = folder
    this.#segmentBytesMax = segmentBytesMax
    this.#segments = found.segments
    this.#position = found.position
    this.#lines = found.lines
  }

  /** Opens the spool of a folder, which is made where it is missing, with all that an earlier process left behind. */
  static async open(folder: string, segmentBytesMax: number): Promise<Spool> {
    await mkdir(folder, { recursive: true, mode: 0o700 })
    return new Spool(folder, segmentBytesMax, await find(folder))
  }

  /** Lines that are not acknowledged. */
  get lines(): number {
    return this.#lines
  }
  /** Bytes that are not acknowledged. */
  get bytes(): number {
    const all = this.#segments.reduce((sum, { bytes }) => sum + bytes, 0)
    return all - (this.#segments[0]?.number === this.#position.segment ? this.#position.offset : 0)
  }

  /** Writes lines, each ending in a newline; on return they survive the process. Calls must not overlap. */
  async append(lines: readonly Buffer[]): Promise<void> {
    const data = Buffer.concat(lines)
    const { file, segment } = await this.#segmentFor(data.length)
    try {
      await writeAll(file, data, segment.bytes)
    } catch (error) {
      await this.#endSegment()
      throw error
    }
    segment.bytes += data.length
    this.#lines += lines.length
    this.#unsynced = true
  }

  /** On return, what `append` wrote before survives a loss of power. */
  async sync(): Promise<void> {
    if (!this.#unsynced) return
    this.#unsynced = false
    try {
      await Promise.all([this.#ending, this.#writing?.datasync()])
    } catch (error) {
      this.#unsynced = true
      this.#ending = Promise.resolve()
      throw error
    }
  }

  /** Up to `count` lines from the oldest that is not acknowledged; `undefined` where there are none. */
  async read(count: number): Promise<Lines | undefined> {
    for (;;) {
      const segment = this.#segments[0]
      if (segment === undefined) return undefined
      const offset = this.#position.segment === segment.number ? this.#position.offset : 0
      const found = await this.#readLines(segment, offset, count)
      if (found !== undefined) return found
      if (segment === this.#segments.at(-1) && this.#writing !== undefined) {
        if (offset >= segment.bytes) this.#lines = 0
        return undefined
      }
      await this.#dropOldest()
    }
  }

  /** Forgets everything before `end`. */
  async acknowledge({ lines, end }: Lines): Promise<void> {
    this.#lines = Math.max(0, this.#lines - lines.length)
    this.#position = end
    await writePosition(this.#folder, end)
  }

  async close(): Promise<void> {
    await this.#endSegment()
    await this.#reading?.file.close()
    this.#reading = undefined
  }

  async #segmentFor(length: number): Promise<{ file: FileHandle; segment: Segment }> {
    const last = this.#segments.at(-1)
    const fits = last !== undefined && last.bytes + length <= this.#segmentBytesMax
    if (this.#writing !== undefined && fits) return { file: this.#writing, segment: last }
    await this.#endSegment()
    const number = Math.max(last?.number ?? 0, this.#position.segment) + 1
    const segment: Segment = { number, path: segmentPath(this.#folder, number), bytes: 0 }
    const file = await open(segment.path, 'wx', 0o600)
    this.#writing = file
    this.#segments.push(segment)
    await syncFolder(this.#folder)
    return { file, segment }
  }

  #endSegment(): Promise<void> {
    const file = this.#writing
    this.#writing = undefined
    if (file === undefined) return Promise.resolve()
    this.#ending = file.datasync().finally(() => file.close())
    return this.#ending
  }

  async #readLines(segment: Segment, offset: number, count: number): Promise<Lines | undefined> {
    const length = Math.min(BATCH_BYTES_MAX, segment.bytes - offset)
    if (length <= 0) return undefined
    const lines: Buffer[] = []
    const data = await readAt(await this.#fileOf(segment), offset, length)
    let start = 0
    while (lines.length < count) {
      const newline = data.indexOf(NEWLINE, start)
      if (newline < 0) break
      lines.push(data.subarray(start, newline))
      start = newline + 1
    }
    if (lines.length === 0) return undefined
    return { lines, end: { segment: segment.number, offset: offset + start } }
  }

  async #fileOf(segment: Segment): Promise<FileHandle> {
    if (this.#reading?.number === segment.number) return this.#reading.file
    await this.#reading?.file.close()
    this.#reading = undefined
    this.#reading = { number: segment.number, file: await open(segment.path, 'r') }
    return this.#reading.file
  }

  async #dropOldest(): Promise<void> {
    const [oldest, ...others] = this.#segments
    this.#segments = others
    if (oldest !== undefined) await rm(oldest.path, { force: true })
    if (others.length === 0) this.#lines = 0
  }
}

interface Found {
  readonly segments: Segment[]
  readonly position: Position
  readonly lines: number
}

async function find(folder: string): Promise<Found> {
  const position = await readPosition(folder)
  const all = await listSegments(folder)
  const old = all.filter(({ number }) => number < position.segment)
  await Promise.all(old.map(({ path }) => rm(path, { force: true })))
  const segments = all.filter(({ number }) => number >= position.segment)
  let lines = 0
  for (const { number, path } of segments)
    lines += await countLines(path, number === position.segment ? position.offset : 0)
  return { segments, position, lines }
}

const positionPath = (folder: string): string => join(folder, 'position.json')

async function readPosition(folder: string): Promise<Position> {
  try {
    const { segment, offset } = JSON.parse(await readFile(positionPath(folder), 'utf8'))
    if (
      Number.isSafeInteger(segment) &&
      Number.isSafeInteger(offset) &&
      segment >= 0 &&
      offset >= 0
    )
      return { segment, offset }
  } catch {
    // Missing or half a file: everything is sent again, and the collector knows it by its ids.
  }
  return { segment: 0, offset: 0 }
}

// Not synced: a position that a loss of power takes back costs a repetition, no event.
async function writePosition(folder: string, position: Position): Promise<void> {
  const path = positionPath(folder)
  await writeFile(`${path}.tmp`, JSON.stringify(position), { mode: 0o600 })
  await rename(`${path}.tmp`, path)
}

async function writeAll(file: FileHandle, data: Buffer, offset: number): Promise<void> {
  let at = 0
  while (at < data.length) {
    const { bytesWritten } = await file.write(data, at, data.length - at, offset + at)
    at += bytesWritten
  }
}
