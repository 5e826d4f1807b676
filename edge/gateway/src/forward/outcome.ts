import type { Refusal, UpstreamError } from '@countersign/layers'
import type { Tunnel } from './tunnel.ts'

/** How one call of one instance ended. */
export type Outcome =
  /** The answer is with the client, or as much of it as the client took. */
  | { readonly kind: 'answered'; readonly status: number }
  /** The service has agreed to another protocol, and the client has heard it. */
  | { readonly kind: 'tunnel'; readonly tunnel: Tunnel }
  /** No answer: another instance may be tried. */
  | { readonly kind: 'failed'; readonly error: UpstreamError }
  /** The instance states that it has not begun with the request. */
  | { readonly kind: 'unstarted' }
  /** The answer had begun and broke off. */
  | { readonly kind: 'broken'; readonly error: UpstreamError }
  /** The answer had come, and this door itself does not let it pass. */
  /** `told`: the client has heard so in the answer itself. */
  | { readonly kind: 'refused'; readonly error: unknown; readonly told?: Refusal }
  /** The client went away. */
  | { readonly kind: 'gone' }
