import { type FileHandle, mkdir, open, readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { syncFolder } from '@countersign/ground/store'
import { decodeRecords, encodeRecord, type WalRecord } from '../domain/wal-record.ts'
import { damaged } from '../errors.ts'

/*
 * The write-ahead file, in segments. An entry is durable as soon as its record is synced here; segments go once
 * the entries are in tiles and under a signed checkpoint.
 *
 * A write or a sync that fails ends its segment: nobody can say what of it is on disk. The next record begins a new
 * segment, with the same first index, and takes the place of what may be left of the failed one.
 */
export class Wal {
  readonly #folder: string
  #next: number
  #file: FileHandle | undefined
  #offset = 0

  private constructor(folder: string, next: number) {
    this.#folder = folder
    this.#next = next
  }

  static async open(folder: string): Promise<Wal> {
    await mkdir(folder, { recursive: true, mode: 0o700 })
    const numbers = await segments(folder)
    return new Wal(folder, (numbers.at(-1) ?? 0) + 1)
  }

  /** Durable on return. A rejection means that the entries count as not written. Calls must not overlap. */
  async append(record: WalRecord): Promise<void> {
    const bytes = encodeRecord(record)
    try {
      const file = this.#file ?? (await this.#begin())
      for (let at = 0; at < bytes.length; ) {
        const length = bytes.length - at
        at += (await file.write(bytes, at, length, this.#offset + at)).bytesWritten
      }
      await file.datasync()
      this.#offset += bytes.length
    } catch (error) {
      await this.#end().catch(() => undefined)
      throw error
    }
  }

  /** Ends the segment; gives the number of the next one. Must not overlap with `append`. */
  async rotate(): Promise<number> {
    await this.#end()
    return this.#next
  }

  /** Deletes the segments before this number, whose entries are safe elsewhere. */
  async dropBefore(number: number): Promise<void> {
    const old = (await segments(this.#folder)).filter((each) => each < number)
    for (const each of old) await rm(this.#path(each), { force: true })
  }

  /**
   * The entries from `from` on that the segments hold. Throws `LogError` LOG_DAMAGED where an acknowledged one cannot
   * be read or is missing.
   */
  async replay(from: number): Promise<Buffer[]> {
    const entries: Buffer[] = []
    for (const number of await segments(this.#folder)) {
      const { records, damaged: broken } = decodeRecords(await readFile(this.#path(number)))
      if (broken) throw damaged(`the write-ahead file ${this.#path(number)} is damaged`)
      for (const record of records) replace(entries, from, record)
    }
    return entries
  }

  async close(): Promise<void> {
    await this.#end()
  }

  async #begin(): Promise<FileHandle> {
    const number = this.#next++
    this.#offset = 0
    this.#file = await open(this.#path(number), 'wx', 0o600)
    await syncFolder(this.#folder)
    return this.#file
  }

  async #end(): Promise<void> {
    const file = this.#file
    this.#file = undefined
    await file?.close()
  }

  #path(number: number): string {
    return join(this.#folder, `${String(number).padStart(12, '0')}.wal`)
  }
}

// A later record stands for everything from its first index on.
function replace(entries: Buffer[], from: number, record: WalRecord): void {
  if (record.first > from + entries.length)
    throw damaged(`entries ${from + entries.length} to ${record.first - 1} are missing`)
  const known = Math.max(0, from - record.first)
  entries.length = Math.max(0, record.first - from)
  entries.push(...record.entries.slice(known).map((entry) => Buffer.from(entry)))
}

async function segments(folder: string): Promise<number[]> {
  return (await readdir(folder))
    .map((name) => /^([0-9]{12})\.wal$/.exec(name)?.[1])
    .filter((digits) => digits !== undefined)
    .map(Number)
    .sort((a, b) => a - b)
}
