import { z } from 'zod'
import { field, optional } from '../schema.ts'

/*
 * Kong's `queue` record, as several plugins have it
 * (https://developer.konghq.com/gateway/entities/plugin/#plugin-queuing). Times are seconds.
 */
export interface QueueSettings {
  readonly max_batch_size: number
  readonly max_coalescing_delay: number
  readonly max_entries: number
  readonly max_bytes: number | null
  readonly max_retry_time: number
  readonly initial_retry_delay: number
  readonly max_retry_delay: number
  readonly concurrency_limit: number
}
const object = z.strictObject({
  max_batch_size: z.int().min(1).max(1_000_000).nullish(),
  max_coalescing_delay: z.number().min(0).max(3_600).nullish(),
  max_entries: field(z.int().min(1).max(1_000_000), 10_000),
  max_bytes: optional(z.int().min(1)),
  max_retry_time: field(z.number().max(86_400), 60),
  initial_retry_delay: field(z.number().min(0.001).max(1_000_000), 0.01),
  max_retry_delay: field(z.number().min(0.001).max(1_000_000), 60),
  concurrency_limit: field(z.union([z.literal(1), z.literal(-1)]), 1),
})
export const queueFields = object.nullish()

/** With the plugin's own defaults, and with what its deprecated fields say. */
export function queueOf(
  given: z.output<typeof queueFields>,
  own: { readonly max_batch_size: number; readonly max_coalescing_delay?: number },
): QueueSettings {
  const written = given ?? object.parse({})
  return {
    ...written,
    max_batch_size: written.max_batch_size ?? own.max_batch_size,
    max_coalescing_delay: written.max_coalescing_delay ?? own.max_coalescing_delay ?? 1,
  }
}
