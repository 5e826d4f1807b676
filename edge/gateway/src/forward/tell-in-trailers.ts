import { Refusal } from '@countersign/layers'
import { isGrpcCall, statusTrailers } from '../domain/grpc.ts'
import type { Exchange } from '../exchange.ts'

/**
 * Ends an answer that has begun by saying why, where trailers can: in gRPC. Gives back what was said; `undefined`: nothing
 * was, and the answer can only be broken off.
 */
export function tellInTrailers(
  { request, response }: Pick<Exchange, 'request' | 'response'>,
  error: unknown,
): Refusal | undefined {
  const canTell = response.headSent && response.trailers !== undefined && isGrpcCall(request)
  if (!canTell || !(error instanceof Refusal)) return undefined
  const { status, facts, code } = error
  response.trailers?.(statusTrailers(status, facts.message ?? facts.detail ?? code))
  response.end()
  return error
}
