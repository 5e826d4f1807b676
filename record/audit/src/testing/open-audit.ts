import { createSecretKey } from 'node:crypto'
import type { AuditEvent } from '@countersign/contract/platform'
import { deriveKey, type SealKey } from '@countersign/ground/seal'
import { createLog, Metrics } from '@countersign/ground/telemetry'
import type { Context } from '@countersign/service'
import type { createHandlers } from '../handlers.ts'
import { createAudit } from '../part.ts'

export const sealKeyOf = (byte: number): SealKey =>
  deriveKey(createSecretKey(Buffer.alloc(32, byte)), 'audit log key')
const testSealKey: SealKey = sealKeyOf(7)

/** The audit log of a folder, as its part makes it, to be asked through its handlers. */
export async function openAudit(folder: string, sealKey: SealKey = testSealKey) {
  const metrics = new Metrics()
  const lines: string[] = []
  const log = createLog({
    service: 'audit',
    node: 'audit-1',
    destination: { write: (line) => lines.push(line) },
  })
  const built = await createAudit(
    { trustDomain: 'test.local', instance: 'audit-1', log, metrics },
    { folder, sealKey, learningMs: 60_000 },
  )
  const handlers = built.handlers as ReturnType<typeof createHandlers>
  const signal = new AbortController().signal
  const as = (caller: string, path = '') =>
    ({ permit: { caller }, path, signal }) as unknown as Context<'audit'>
  return {
    built,
    handlers,
    metrics,
    lines,
    as,
    append: async (events: AuditEvent[], caller = 'order') =>
      handlers.append({ body: { events }, ...as(caller) }),
    query: async (query: Partial<Parameters<typeof handlers.query>[0]['query']>) =>
      handlers.query({ query: { limit: 100, newestFirst: false, ...query }, ...as('desk') }),
    close: async () => built.close?.(),
    [Symbol.asyncDispose]: async () => built.close?.(),
  }
}
