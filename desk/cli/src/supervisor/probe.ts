import { operations } from '@countersign/contract/platform'
import type { Connected } from '@countersign/service'
import { z } from 'zod'
import { PROBE_MS_MAX } from '../limits.ts'
import type { ProcessSpec } from './process-spec.ts'

const seenSchema = z.object({
  status: z.string(),
  spiffeId: z.string(),
  certificate: z.object({ notAfter: z.string(), serial: z.string(), renewals: z.int() }),
  /** Where it is not ready, and knows why. */
  waitsFor: z.string().optional(),
  /** Missing in authorities, whose word it is. */
  trust: z.object({ sequence: z.int(), stale: z.boolean(), nextUpdate: z.string() }).optional(),
})
/** What a process says of itself over mTLS; its identity is the one that it has proven by then. */
export type Seen = z.infer<typeof seenSchema> & { readonly ready: boolean }

/** Asks a process how it is. `undefined` where it does not answer, or somebody else does. */
export async function probe(link: Connected<'desk'>, spec: ProcessSpec): Promise<Seen | undefined> {
  const at = { name: spec.name, host: '127.0.0.1', port: spec.port }
  try {
    const { status, body } = await link
      .callAt(operations, at)
      .ready(undefined, { timeoutMs: PROBE_MS_MAX })
    const read = seenSchema.parse(JSON.parse(Buffer.from(body ?? '').toString('utf8')))
    return { ...read, ready: status === 200 }
  } catch {
    return undefined
  }
}
