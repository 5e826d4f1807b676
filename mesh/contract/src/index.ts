/** A service says here, once, what it answers, to whom and how often. All else follows from it. */
export * from './descriptor.ts'
export * from './endpoint.ts'
export * from './limit.ts'
export * from './matrix.ts'
export * from './names.ts'
export * from './openapi.ts'
export type {
  CallInputOf,
  CallOptions,
  CallReplyOf,
  Client,
  HandlerReplyOf,
  Handlers,
  InputOf,
  Mounted,
  RawReply,
} from './types.ts'
