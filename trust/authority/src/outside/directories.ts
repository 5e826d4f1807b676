import { z } from 'zod'
import type { SyncTopic } from '../peers/topic.ts'
import { Urls } from '../acme/urls.ts'
import { DIRECTORIES_MAX } from './limits.ts'

const saidSchema = z
  .url({ protocol: /^https$/ })
  .max(2_048)
  .nullable()

/** Where the ACME directories of all authorities are: each tells the others where its own door is. */
export class Directories implements SyncTopic {
  readonly name = 'directories'
  readonly #own: string | undefined
  readonly #others = new Map<string, string>()

  /** `url`: of the own outside door, where there is one. */
  constructor(url: string | undefined) {
    this.#own = url
  }

  /** The own one first. */
  all(): readonly string[] {
    const own = this.#own === undefined ? [] : [this.#own]
    return [...own, ...this.#others.values()].map((url) => new Urls(url).directory())
  }
  say(): string | null {
    return this.#own ?? null
  }
  async hear(said: unknown, from: string): Promise<void> {
    const url = saidSchema.parse(said)
    this.#others.delete(from)
    if (url !== null && this.#others.size < DIRECTORIES_MAX) this.#others.set(from, url)
  }
  /** It does not change while the process runs. */
  onChange(): () => void {
    return () => undefined
  }
}
