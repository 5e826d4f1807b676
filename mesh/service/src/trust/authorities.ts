import { CodedError } from '@countersign/ground/errors'

/** Where an authority answers over mTLS. */
export interface AuthorityAt {
  readonly name: string
  readonly host: string
  readonly port: number
}

/**
 * The authorities, one of them in use. Workloads begin with different ones, stay with the one that answers, and go on
 * to the next when it does not. What is on the list may change at any time.
 */
export class Authorities {
  readonly #list: () => readonly AuthorityAt[]
  #index: number

  constructor(list: () => readonly AuthorityAt[], luck: number) {
    this.#list = list
    this.#index = Math.floor(luck * Math.max(1, list().length))
  }
  get count(): number {
    return this.#list().length
  }
  /** The one in use. Throws `CodedError` NO_AUTHORITY. */
  current(): AuthorityAt {
    const list = this.#list()
    const found = list[this.#index % Math.max(1, list.length)]
    if (found === undefined) throw new CodedError('NO_AUTHORITY', 'no authority is known')
    return found
  }
  /** Leaves `failed`, unless somebody else has left it already. */
  leave(failed: AuthorityAt | undefined): void {
    const list = this.#list()
    const at = list[this.#index % Math.max(1, list.length)]
    if (failed === undefined || (at?.host === failed.host && at.port === failed.port)) this.#index++
  }
  /** Asks one after the other, each once, until one answers. Rejects with what the last one failed with. */
  async ask<T>(question: (at: AuthorityAt) => Promise<T>): Promise<T> {
    for (let left = this.count; ; left--) {
      const at = this.current()
      try {
        return await question(at)
      } catch (error) {
        this.leave(at)
        if (left <= 1) throw error
      }
    }
  }
}
