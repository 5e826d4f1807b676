import { parseBundle, TILE_WIDTH, tilePath } from '@countersign/ground/merkle'
import { damaged } from '../errors.ts'
import { BUNDLES_CACHED_MAX } from '../limits.ts'
import type { EntryLog } from './entry-log.ts'
import type { ReadFile } from './tile-folder.ts'

/** Reads entries by index, wherever they lie: in memory or in full bundles on disk, of which it keeps the last used. */
export class EntryReader {
  readonly #log: EntryLog
  readonly #read: ReadFile
  readonly #bundles = new Map<number, Promise<Buffer[]>>()

  constructor(log: EntryLog, read: ReadFile) {
    this.#log = log
    this.#read = read
  }

  /** The bytes of an entry. Throws `LogError` LOG_DAMAGED where it cannot be read. */
  async entry(index: number): Promise<Buffer> {
    const recent = this.#log.recent(index)
    if (recent !== undefined) return recent
    const bundle = await this.#bundle(Math.floor(index / TILE_WIDTH))
    const bytes = bundle[index % TILE_WIDTH]
    if (bytes === undefined) throw damaged(`entry ${index} cannot be read`)
    return bytes
  }

  #bundle(index: number): Promise<Buffer[]> {
    const bundle = this.#bundles.get(index) ?? this.#load(index)
    this.#bundles.delete(index)
    this.#bundles.set(index, bundle)
    const [oldest] = this.#bundles.keys()
    if (this.#bundles.size > BUNDLES_CACHED_MAX && oldest !== undefined)
      this.#bundles.delete(oldest)
    return bundle
  }

  async #load(index: number): Promise<Buffer[]> {
    try {
      const bytes = await this.#read(tilePath({ level: 'entries', index, width: TILE_WIDTH }))
      if (bytes === undefined) throw damaged(`entry bundle ${index} is missing`)
      return parseBundle(bytes).entries
    } catch (error) {
      this.#bundles.delete(index)
      throw error
    }
  }
}
