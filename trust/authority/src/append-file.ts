import { type FileHandle, open, rename } from 'node:fs/promises'
import { dirname } from 'node:path'
import { syncFolder, writeFileAtomic } from '@countersign/ground/store'

/** No line of ours comes near this. */
const LINE_BYTES_MAX = 65_536

/**
 * A file of lines, one JSON value each, that only grows. A line is durable when `append` returns; lines keep the order
 * of the calls. After a crash or a full disk the last line may be a part: it is cut off before anything is added.
 */
export class AppendFile {
  readonly path: string
  #file: FileHandle
  #bytes: number
  #last: Promise<unknown> = Promise.resolve()

  private constructor(path: string, file: FileHandle, bytes: number) {
    this.path = path
    this.#file = file
    this.#bytes = bytes
  }

  static async open(path: string): Promise<AppendFile> {
    const file = await open(path, 'a+', 0o600)
    const bytes = await cutTornLine(file)
    await syncFolder(dirname(path))
    return new AppendFile(path, file, bytes)
  }

  get bytes(): number {
    return this.#bytes
  }

  append(value: unknown): Promise<void> {
    return this.#inTurn(async () => {
      const line = Buffer.from(`${JSON.stringify(value)}\n`)
      try {
        await this.#file.appendFile(line)
        await this.#file.datasync()
      } catch (error) {
        await this.#file.truncate(this.#bytes)
        throw error
      }
      this.#bytes += line.length
    })
  }

  /** Puts other lines in place of all that is there, as a whole. */
  replace(values: readonly unknown[]): Promise<void> {
    return this.#inTurn(async () => {
      const text = values.map((value) => `${JSON.stringify(value)}\n`).join('')
      await writeFileAtomic(this.path, text)
      await this.#reopen()
    })
  }

  /** Gives the file another name and begins an empty one. */
  setAside(path: string): Promise<void> {
    return this.#inTurn(async () => {
      await rename(this.path, path)
      await this.#reopen()
    })
  }

  close(): Promise<void> {
    return this.#inTurn(() => this.#file.close())
  }

  async #reopen(): Promise<void> {
    const before = this.#file
    this.#file = await open(this.path, 'a', 0o600)
    this.#bytes = (await this.#file.stat()).size
    await before.close()
    await syncFolder(dirname(this.path))
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    const done = this.#last.then(work)
    this.#last = done.catch(() => undefined)
    return done
  }
}

/** Cuts off what a crash left of a line. Returns the bytes that remain. */
async function cutTornLine(file: FileHandle): Promise<number> {
  const { size } = await file.stat()
  const tail = Buffer.alloc(Math.min(size, LINE_BYTES_MAX))
  await file.read(tail, 0, tail.length, size - tail.length)
  const end = size - tail.length + tail.lastIndexOf(0x0a) + 1
  if (end < size) await file.truncate(end)
  return end
}
