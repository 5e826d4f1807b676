import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { writeFileAtomic } from '@countersign/ground/store'
import type { Log } from '@countersign/ground/telemetry'
import { SAVE_AFTER_MS, SNAPSHOT_BYTES_MAX } from '../limits.ts'

/**
 * Keeps one text in `<folder>/registry.json`. Saving is late and in one piece: changes of a short time are written
 * together, and a crash leaves the old text or the new. A disk that refuses costs a log line, not the service.
 */
export class SnapshotFile {
  readonly #path: string
  readonly #log: Log
  #timer: NodeJS.Timeout | undefined
  #latest: (() => string) | undefined
  #writing: Promise<void> = Promise.resolve()

  constructor(folder: string, log: Log) {
    this.#path = join(folder, 'registry.json')
    this.#log = log
  }

  /** Undefined where there is none yet, or none that can be read. */
  async load(): Promise<string | undefined> {
    try {
      const { size } = await stat(this.#path)
      if (size > SNAPSHOT_BYTES_MAX) throw new Error(`it has ${size} bytes`)
      return await readFile(this.#path, 'utf8')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
        this.#log.error({ err: error, path: this.#path }, 'the snapshot cannot be read')
      return undefined
    }
  }

  saveSoon(encode: () => string): void {
    this.#latest = encode
    this.#timer ??= setTimeout(() => void this.flush(), SAVE_AFTER_MS)
  }

  /** Writes what is still to be written. */
  flush(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#writing = this.#writing.then(async () => {
      const encode = this.#latest
      this.#latest = undefined
      if (encode !== undefined) await this.#write(encode())
    })
    return this.#writing
  }

  async #write(text: string): Promise<void> {
    await writeFileAtomic(this.#path, text).catch((error: unknown) =>
      this.#log.error({ err: error, path: this.#path }, 'the snapshot cannot be written'),
    )
  }
}
