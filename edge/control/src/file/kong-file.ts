import { messageOf } from '@countersign/ground/errors'
import { DeclarativeError } from '@countersign/kong'
import { randomUUID } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import type { Declarative } from '../declarative.ts'
import type { Events } from '../events.ts'
import { FILE_LOOK_MS } from '../limits.ts'
import type { ControlPlane } from '../plane/control-plane.ts'
import { replaceAll } from '../plane/replace-all.ts'

/** How the declarative file stands. */
export interface FileStatus {
  readonly path: string
  /** Why what the file says now is not in effect. */
  readonly problem: readonly string[] | null
  /** When it was read last. */
  readonly readAt: string | null
}

/**
 * The declarative file as the configuration: read at the start, and again when it has changed. A file that cannot be used
 * leaves what there was.
 */
export class KongFile {
  readonly #path: string
  readonly #plane: ControlPlane
  readonly #declarative: Declarative
  readonly #events: Events
  readonly #now: () => number
  #seen = ''
  #status: FileStatus
  #timer: NodeJS.Timeout | undefined
  #reading: Promise<void> | undefined

  constructor(parts: {
    path: string
    plane: ControlPlane
    declarative: Declarative
    events: Events
    now: () => number
  }) {
    this.#path = parts.path
    this.#plane = parts.plane
    this.#declarative = parts.declarative
    this.#events = parts.events
    this.#now = parts.now
    this.#status = { path: parts.path, problem: null, readAt: null }
  }

  get status(): FileStatus {
    return this.#status
  }

  /** Reads it, and looks from then on whether it has changed. */
  async start(): Promise<void> {
    await this.#look()
    this.#timer = setInterval(() => void this.#look(), FILE_LOOK_MS)
  }
  async close(): Promise<void> {
    clearInterval(this.#timer)
    await this.#reading
  }

  #look(): Promise<void> {
    this.#reading ??= this.#readIfChanged().finally(() => {
      this.#reading = undefined
    })
    return this.#reading
  }

  async #readIfChanged(): Promise<void> {
    try {
      const { mtimeMs, size, ino } = await stat(this.#path)
      const seen = `${ino} ${size} ${mtimeMs}`
      if (seen === this.#seen) return
      await this.#load(await readFile(this.#path, 'utf8'))
      this.#seen = seen
      this.#tell(null)
    } catch (error) {
      if (error instanceof DeclarativeError) {
        // Read again only when it is another file: the mistakes are the same until then.
        this.#seen = await stat(this.#path).then(
          ({ mtimeMs, size, ino }) => `${ino} ${size} ${mtimeMs}`,
          () => '',
        )
        this.#tell(error.lines)
      } else this.#tell([messageOf(error)])
    }
  }

  async #load(text: string): Promise<void> {
    const cause = {
      actor: { id: '', name: 'file' },
      requestId: randomUUID(),
      what: `read ${this.#path}`,
    }
    await this.#plane.change(cause, (draft, world) =>
      replaceAll(draft, this.#declarative.load(text, this.#path, { before: draft.state, world })),
    )
  }

  #tell(problem: readonly string[] | null): void {
    const before = this.#status.problem?.join()
    const first = this.#status.readAt === null
    this.#status = { path: this.#path, problem, readAt: new Date(this.#now()).toISOString() }
    if (first || before !== problem?.join() || problem === null)
      this.#events.file(problem?.join('\n'))
  }
}
