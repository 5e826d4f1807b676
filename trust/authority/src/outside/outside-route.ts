import type { IncomingHttpHeaders } from 'node:http'

/** What a client of the outside door asked. Nothing of it is proven. */
export interface OutsideRequest {
  readonly method: string
  /** As it was sent, without the query. */
  readonly path: string
  /** What stands in the places of `:name`, with percent signs resolved. */
  readonly params: Readonly<Record<string, string>>
  readonly query: URLSearchParams
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
  /** Of the client's end of the connection. */
  readonly address: string
  /** Where this door is reached, without a slash at the end. Never taken from the request. */
  readonly baseUrl: string
  readonly requestId: string
  /** Aborted when the client has gone, or the time is up. */
  readonly signal: AbortSignal
}

export interface OutsideReply {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | Buffer
}

/**
 * One route of the outside door. A path is made of segments: plain text, `:name`, `:name.ext`, or, as the last one,
 * `*name` for all that is left. GET answers HEAD as well unless there is a HEAD of its own. `handle` may throw
 * `Refusal`; anything else that it throws is INTERNAL.
 */
export interface OutsideRoute {
  readonly method: 'GET' | 'POST' | 'HEAD'
  readonly path: string
  /** Longest body that is read, where 16 KiB are not right. */
  readonly bodyBytesMax?: number
  handle(request: OutsideRequest): Promise<OutsideReply> | OutsideReply
}
