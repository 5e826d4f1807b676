import type { IncomingMessage, ServerResponse } from 'node:http'
import type { z } from 'zod'
import type { Contract, Endpoint } from './endpoint.ts'

type ParamNames<P extends string> = P extends `${string}:${infer N}/${infer Rest}`
  ? N | ParamNames<`/${Rest}`>
  : P extends `${string}:${infer N}`
    ? N
    : never
type IfAsked<Schema, Value> = [Schema] extends [z.ZodNever] ? unknown : Value

type ParamsOf<E> =
  E extends Endpoint<infer At, any, any, any, any, any>
    ? [ParamNames<At>] extends [never]
      ? unknown
      : { readonly params: Readonly<Record<ParamNames<At>, string>> }
    : never

/** What a handler receives from the wire: checked, and nothing that was not declared. */
export type InputOf<E> =
  E extends Endpoint<any, any, infer Q, infer B, any, any>
    ? ParamsOf<E> &
        IfAsked<Q, { readonly query: z.output<Q> }> &
        IfAsked<B, { readonly body: z.output<B> }>
    : never
/** What a caller sends. */
export type CallInputOf<E> =
  E extends Endpoint<any, any, infer Q, infer B, any, any>
    ? ParamsOf<E> &
        IfAsked<Q, { readonly query: z.input<Q> }> &
        IfAsked<B, { readonly body: z.input<B> }>
    : never

/** An answer in a protocol of others. */
export interface RawReply {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array
}
export interface Mounted {
  readonly request: IncomingMessage
  readonly response: ServerResponse
}
type KindOf<E> = E extends Endpoint<any, any, any, any, any, infer K> ? K : never
type ReplySchema<E> = E extends Endpoint<any, any, any, any, infer R, any> ? R : never

/** What a handler returns. */
export type HandlerReplyOf<E> =
  KindOf<E> extends 'raw' ? RawReply : KindOf<E> extends 'mount' ? void : z.input<ReplySchema<E>>
/** What a caller gets. */
export type CallReplyOf<E> = KindOf<E> extends 'raw' ? RawReply : z.output<ReplySchema<E>>

type Callable<E, Self extends string> =
  E extends Endpoint<any, infer Who, any, any, any, infer K>
    ? K extends 'mount'
      ? false
      : Who extends readonly string[]
        ? 'workloads' extends Who[number]
          ? true
          : Self extends Who[number]
            ? true
            : false
        : false
    : false

/** What the workload named `Self` sees of a contract: only the endpoints that list it. */
export type Client<C extends Contract<string, any>, Self extends string> = {
  readonly [K in keyof C['endpoints'] as Callable<C['endpoints'][K], Self> extends true
    ? K
    : never]: (
    ...input: unknown extends CallInputOf<C['endpoints'][K]>
      ? [input?: undefined, options?: CallOptions]
      : [input: CallInputOf<C['endpoints'][K]>, options?: CallOptions]
  ) => Promise<CallReplyOf<C['endpoints'][K]>>
}

export interface CallOptions {
  /** Makes a POST safe to send again; the other side answers a repetition with the first result. */
  readonly idempotencyKey?: string
  /** Ends the wait early, in milliseconds; never later than the endpoint's own limit. */
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
  /** Extra request headers, for protocols of others. Identity headers are not among what may be set. */
  readonly headers?: Readonly<Record<string, string>>
}

/** Handlers of a contract. `Context` is what the server adds: permit, call, log and the like. */
export type Handlers<C extends Contract<string, any>, Context> = {
  readonly [K in keyof C['endpoints']]: (
    input: InputOf<C['endpoints'][K]> &
      (KindOf<C['endpoints'][K]> extends 'mount' ? Mounted : unknown) &
      Context,
  ) => HandlerReplyOf<C['endpoints'][K]> | Promise<HandlerReplyOf<C['endpoints'][K]>>
}
