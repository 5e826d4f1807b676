import type { IncomingMessage } from 'node:http'
import type { Actor } from '../store/control-store.ts'
import type { Read } from './read-body.ts'

/** A request of the Admin API that has passed the door. */
export interface Asked {
  readonly method: string
  /** Of the path, decoded; none for `/`. */
  readonly segments: readonly string[]
  readonly query: URLSearchParams
  readonly actor: Actor
  readonly requestId: string
  /** Reads the body. Throws `AdminError`. */
  body(): Promise<Read>
  readonly incoming: IncomingMessage
}
export interface Answer {
  readonly status: number
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
}

export const NOT_FOUND: Answer = { status: 404, body: { message: 'Not found' } }
export const notAllowed = (...methods: string[]): Answer => ({
  status: 405,
  body: { message: 'Method not allowed' },
  headers: { allow: [...methods, 'OPTIONS'].join(', ') },
})
export const ok = (body: unknown): Answer => ({ status: 200, body })
export const NO_CONTENT: Answer = { status: 204 }
