import { type FileHandle, open } from 'node:fs/promises'
import { systemCode } from '../errors.ts'
import { LOG_TAIL_BYTES_MAX } from '../limits.ts'

/** Reads the end of a log that others write, and what comes after; starts over where the log was cut. */
export class LogReader {
  readonly name: string
  readonly #path: string
  #offset = 0
  #rest = ''

  constructor(name: string, path: string) {
    this.name = name
    this.#path = path
  }

  /** The last `count` whole lines of the last megabytes. */
  async last(count: number): Promise<readonly string[]> {
    const lines = await this.#read((size) => Math.max(0, size - LOG_TAIL_BYTES_MAX))
    return count === 0 ? [] : lines.slice(-count)
  }

  /** The lines since the last call. */
  fresh(): Promise<readonly string[]> {
    return this.#read((size) => {
      if (size < this.#offset) this.#rest = ''
      return size < this.#offset ? 0 : Math.max(this.#offset, size - LOG_TAIL_BYTES_MAX)
    })
  }

  async #read(from: (size: number) => number): Promise<readonly string[]> {
    let file: FileHandle
    try {
      file = await open(this.#path, 'r')
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return []
      throw error
    }
    try {
      const { size } = await file.stat()
      const start = from(size)
      const buffer = Buffer.alloc(size - start)
      const { bytesRead } = await file.read(buffer, 0, buffer.length, start)
      this.#offset = start + bytesRead
      const lines = (this.#rest + buffer.toString('utf8', 0, bytesRead)).split('\n')
      this.#rest = lines.pop() ?? ''
      return lines.filter((line) => line !== '')
    } finally {
      await file.close()
    }
  }
}
