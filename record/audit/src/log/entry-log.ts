import { join } from 'node:path'
import {
  edgeRoot,
  type NoteSigner,
  signCheckpoint,
  type TreeEdge,
} from '@countersign/ground/merkle'
import { writeFileAtomic } from '@countersign/ground/store'
import type { Entry } from '../domain/entry.ts'
import { grow, partialFiles, type TileFile, type Written } from '../domain/grow.ts'
import { LogError } from '../errors.ts'
import { GROUP_BYTES_MAX, INTEGRATE_ENTRIES_MAX } from '../limits.ts'
import { dropOtherPartials, writeTile } from './tile-folder.ts'
import type { Wal } from './wal.ts'

/*
 * 1. `append` queues entries; whatever is queued together is written to the write-ahead file and synced together
 * 2. then they are durable: `committed` is told, in order, and the callers are answered
 * 3. `integrate` turns them into tiles, signs a checkpoint over those, and only then lets the write-ahead file go
 *
 * A crash is safe anywhere: before 2 nobody was answered; until the end of 3 the write-ahead file has all of it, and
 * the tiles that were written already are written again with the same bytes.
 */
export interface LogState {
  /** What is in tiles and under the checkpoint. */
  readonly edge: TreeEdge
  /** The entries of the partial bundle. */
  readonly bundle: readonly Buffer[]
  readonly checkpoint: string
}
export interface EntryLogOptions {
  readonly folder: string
  readonly signer: NoteSigner
  readonly wal: Wal
  readonly state: LogState
  /** Durable entries behind it, out of the write-ahead file. */
  readonly tail?: readonly Entry[]
}
type Committed = (first: number, entries: readonly Entry[]) => void

interface Waiting {
  readonly entries: readonly Entry[]
  readonly answer: PromiseWithResolvers<number>
}

export class EntryLog {
  readonly #options: EntryLogOptions
  #state: LogState
  /** Durable entries that are not in tiles yet. */
  #tail: Entry[] = []
  #queue: Waiting[] = []
  /** Commits and rotations of the write-ahead file take turns. */
  #turn: Promise<unknown> = Promise.resolve()
  #committing = false
  #integrating: Promise<void> | undefined
  #closed = false
  /** Called when entries are durable, in order, before their senders are answered. Must not throw. */
  committed: Committed = () => undefined
  /** Entries and bytes that wait for a sync or for their tiles. */
  waiting = { entries: 0, bytes: 0 }

  constructor(options: EntryLogOptions) {
    this.#options = options
    this.#state = options.state
    this.#tail = [...(options.tail ?? [])]
    this.#count(this.#tail, 1)
  }

  /** Durable entries. */
  get size(): number {
    return this.#state.edge.size + this.#tail.length
  }
  /** Entries in tiles, under the checkpoint. */
  get signedSize(): number {
    return this.#state.edge.size
  }
  get checkpoint(): string {
    return this.#state.checkpoint
  }

  /** Gives the index of the first entry once all are durable. Rejects where they could not be written. */
  append(entries: readonly Entry[]): Promise<number> {
    if (this.#closed) return Promise.reject(new LogError('LOG_CLOSED', 'the log is closing'))
    const answer = Promise.withResolvers<number>()
    this.#queue.push({ entries, answer })
    this.#count(entries, 1)
    if (!this.#committing) void this.#commitAll()
    return answer.promise
  }

  /** An entry that is not in a full bundle on disk; `undefined` for others. */
  recent(index: number): Buffer | undefined {
    const { edge, bundle } = this.#state
    if (index >= edge.size) return this.#tail[index - edge.size]?.bytes
    return bundle[index - (edge.size - bundle.length)]
  }

  /** Puts all that is durable into tiles and signs a checkpoint. Calls that overlap share one run. */
  integrate(): Promise<void> {
    this.#integrating ??= this.#integrateAll().finally(() => {
      this.#integrating = undefined
    })
    return this.#integrating
  }

  /** Takes nothing more, finishes what was taken, and signs it. */
  async close(): Promise<void> {
    this.#closed = true
    while (this.#queue.length > 0 || this.#committing) await this.#turn.catch(() => undefined)
    await this.#integrating?.catch(() => undefined)
    try {
      await this.integrate()
    } finally {
      await this.#options.wal.close()
    }
  }

  async #commitAll(): Promise<void> {
    this.#committing = true
    while (this.#queue.length > 0) {
      const group = this.#takeGroup()
      await this.#exclusively(() => this.#commit(group))
    }
    this.#committing = false
  }

  #takeGroup(): readonly Waiting[] {
    let bytes = 0
    const past = this.#queue.findIndex(({ entries }) => {
      const before = bytes
      bytes += bytesOf(entries)
      return before > 0 && bytes > GROUP_BYTES_MAX
    })
    return this.#queue.splice(0, past < 0 ? this.#queue.length : past)
  }

  async #commit(group: readonly Waiting[]): Promise<void> {
    const entries = group.flatMap((each) => each.entries)
    const first = this.size
    try {
      await this.#options.wal.append({ first, entries: entries.map(({ bytes }) => bytes) })
    } catch (error) {
      this.#count(entries, -1)
      for (const { answer } of group) answer.reject(error)
      return
    }
    this.#tail.push(...entries)
    this.committed(first, entries)
    let index = first
    for (const { entries: own, answer } of group) {
      answer.resolve(index)
      index += own.length
    }
  }

  async #integrateAll(): Promise<void> {
    if (this.#tail.length === 0) return
    const { wal, folder } = this.#options
    const [next, size] = await this.#exclusively(async () => [await wal.rotate(), this.size])
    let written: Written = { edge: this.#state.edge, bundle: this.#state.bundle, files: [] }
    const all = this.#tail.slice(0, size - written.edge.size)
    const full: TileFile[] = []
    for (let at = 0; at < all.length; at += INTEGRATE_ENTRIES_MAX) {
      const entries = all.slice(at, at + INTEGRATE_ENTRIES_MAX).map(({ bytes }) => bytes)
      written = grow(written, entries)
      full.push(...written.files)
      await this.#write(written.files)
    }
    const partial = partialFiles(written)
    await this.#write(partial)
    this.#state = await this.#sign(written)
    this.#tail = this.#tail.slice(all.length)
    this.#count(all, -1)
    await wal.dropBefore(next)
    for (const { name } of [...full, ...partial]) await dropOtherPartials(folder, name)
  }

  async #sign({ edge, bundle }: Written): Promise<LogState> {
    const { folder, signer } = this.#options
    const body = { origin: signer.name, size: edge.size, root: edgeRoot(edge) }
    const checkpoint = signCheckpoint(body, signer)
    await writeFileAtomic(join(folder, 'checkpoint'), checkpoint)
    return { edge, bundle, checkpoint }
  }

  async #write(files: readonly TileFile[]): Promise<void> {
    const { folder } = this.#options
    await Promise.all(files.map(({ name, bytes }) => writeTile(folder, name, bytes)))
  }

  #exclusively<T>(act: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(act, act)
    this.#turn = turn.catch(() => undefined)
    return turn
  }

  #count(entries: readonly Entry[], sign: 1 | -1): void {
    this.waiting.entries += sign * entries.length
    this.waiting.bytes += sign * bytesOf(entries)
  }
}

const bytesOf = (entries: readonly Entry[]): number =>
  entries.reduce((sum, { bytes }) => sum + bytes.length, 0)
