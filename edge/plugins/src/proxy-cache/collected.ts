import type { PluginTap } from '@countersign/kong'
import { ANSWER_BYTES_MAX } from './limits.ts'

/** The bytes of an answer as they pass, as long as they are not too many. */
export class Collected implements PluginTap {
  readonly #done: (body: Buffer) => void
  #chunks: Buffer[] | undefined = []
  #bytes = 0
  constructor(done: (body: Buffer) => void) {
    this.#done = done
  }
  data(chunk: Buffer): void {
    this.#bytes += chunk.length
    if (this.#bytes > ANSWER_BYTES_MAX) this.#chunks = undefined
    this.#chunks?.push(Buffer.from(chunk))
  }
  end(whole: boolean): void {
    if (whole && this.#chunks !== undefined) this.#done(Buffer.concat(this.#chunks, this.#bytes))
    this.#chunks = undefined
  }
}
