import { type FileHandle, open } from 'node:fs/promises'
import { DeskError } from '../errors.ts'
import { BACKUP_ENTRY_BYTES_MAX, BACKUP_READ_BYTES } from '../limits.ts'
import { type BackupEntry, entrySchema } from './format.ts'

/** An entry, and for a file where its bytes come from. */
export interface Packed {
  readonly entry: BackupEntry
  readonly source?: string
}

/** Entries as bytes, with an `end` behind them. A file that changes its length meanwhile is an error. */
export async function* packEntries(entries: AsyncIterable<Packed>): AsyncGenerator<Buffer> {
  let files = 0
  let bytes = 0
  for await (const { entry, source } of entries) {
    yield frame(entry)
    if (entry.type !== 'file' || source === undefined) continue
    yield* bytesOf(source, entry.size)
    files += 1
    bytes += entry.size
  }
  yield frame({ type: 'end', files, bytes })
}

function frame(entry: BackupEntry): Buffer {
  const json = Buffer.from(JSON.stringify(entry))
  const length = Buffer.alloc(4)
  length.writeUInt32BE(json.length)
  return Buffer.concat([length, json])
}

async function* bytesOf(path: string, size: number): AsyncGenerator<Buffer> {
  const file: FileHandle = await open(path, 'r')
  try {
    for (let left = size; left > 0; ) {
      const part = Buffer.allocUnsafe(Math.min(left, BACKUP_READ_BYTES))
      const { bytesRead } = await file.read(part, 0, part.length)
      if (bytesRead === 0) throw changed(path)
      left -= bytesRead
      yield part.subarray(0, bytesRead)
    }
    const { bytesRead } = await file.read(Buffer.alloc(1), 0, 1)
    if (bytesRead > 0) throw changed(path)
  } finally {
    await file.close()
  }
}

function changed(path: string): DeskError {
  return new DeskError('FAILED', `${path} changes while it is copied; stop what writes to it`)
}

/** Does something with each entry. `body` gives the bytes of a file and has to be read to its end. */
export type EntrySink = (entry: BackupEntry, body: AsyncIterable<Buffer>) => Promise<void>

/**
 * Takes bytes apart into entries again, one after the other.
 * Throws `DeskError` FAILED for anything that is not exactly entries with an `end` that fits them.
 */
export async function unpackEntries(
  source: AsyncIterable<Buffer>,
  sink: EntrySink,
): Promise<{ readonly files: number; readonly bytes: number }> {
  const reader = new ByteReader(source)
  let files = 0
  let bytes = 0
  for (let first = true; ; first = false) {
    const entry = await readEntry(reader)
    if ((entry.type === 'state') !== first) throw malformed()
    if (entry.type === 'end') {
      if (entry.files !== files || entry.bytes !== bytes || !(await reader.ended()))
        throw malformed()
      return { files, bytes }
    }
    const size = entry.type === 'file' ? entry.size : 0
    const body = reader.take(size)
    await sink(entry, body)
    // Whoever did not want the bytes has not read them.
    for await (const _ of body);
    files += entry.type === 'file' ? 1 : 0
    bytes += size
  }
}

async function readEntry(reader: ByteReader): Promise<BackupEntry> {
  const length = (await reader.exactly(4)).readUInt32BE()
  if (!(length <= BACKUP_ENTRY_BYTES_MAX)) throw malformed()
  const text = (await reader.exactly(length)).toString('utf8')
  try {
    return entrySchema.parse(JSON.parse(text))
  } catch (cause) {
    throw malformed(cause)
  }
}

class ByteReader {
  readonly #source: AsyncIterator<Buffer>
  #held: Buffer = Buffer.alloc(0)

  constructor(source: AsyncIterable<Buffer>) {
    this.#source = source[Symbol.asyncIterator]()
  }

  async exactly(size: number): Promise<Buffer> {
    const parts: Buffer[] = []
    for await (const part of this.take(size)) parts.push(part)
    return Buffer.concat(parts)
  }

  async *take(size: number): AsyncGenerator<Buffer> {
    for (let left = size; left > 0; ) {
      if (this.#held.length === 0 && !(await this.#more())) throw malformed()
      const part = this.#held.subarray(0, left)
      this.#held = this.#held.subarray(part.length)
      left -= part.length
      yield part
    }
  }

  async ended(): Promise<boolean> {
    return this.#held.length === 0 && !(await this.#more())
  }

  async #more(): Promise<boolean> {
    for (;;) {
      const next = await this.#source.next()
      if (next.done === true) return false
      if (next.value.length === 0) continue
      this.#held = next.value
      return true
    }
  }
}

function malformed(cause?: unknown): DeskError {
  return new DeskError('FAILED', 'the backup is malformed; it was not made by countersign', {
    cause,
  })
}
