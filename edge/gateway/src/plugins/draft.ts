import type { PluginRequest, UpstreamDraft } from '@countersign/kong'
import { filterRequestHeaders } from '../domain/filter-headers.ts'
import { Headers, isOursTowardsService } from './headers.ts'

/** The request as it will go on. */
export class Draft implements UpstreamDraft {
  method: string
  path: string
  query: string
  body: Buffer | undefined
  readonly headers: Headers
  readonly #before: string

  /** `path`: as the route makes it; `undefined` where that is refused unless a plugin puts another in its place. */
  constructor(asked: PluginRequest, path: string | undefined) {
    this.method = asked.method
    this.path = path ?? asked.path
    this.query = asked.query
    this.#before = this.path
    this.headers = new Headers(filterRequestHeaders(asked.headers), isOursTowardsService)
  }
  /** The path that a plugin has set in place of the route's. */
  get newPath(): string | undefined {
    return this.path === this.#before ? undefined : this.path
  }
}
