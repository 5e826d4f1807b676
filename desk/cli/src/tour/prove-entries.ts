import { audit } from '@countersign/contract/platform'
import {
  openCheckpoint,
  parseVerifierKey,
  verifyInclusion,
  hashLeaf,
} from '@countersign/ground/merkle'
import type { Connected } from '@countersign/service'
import type { Entry } from '../explain/read-request.ts'

/**
 * Proves that entries lie in the log, from its public key alone. Returns for each the checkpoint that its proof led
 * to, as `origin size root`; entries that could not be proven are not among them.
 */
export async function proveEntries(
  link: Connected<'desk'>,
  entries: readonly Entry[],
): Promise<ReadonlyMap<number, string>> {
  const { key } = await link.call(audit).key()
  const verifier = parseVerifierKey(key)
  const proven = new Map<number, string>()
  if (verifier === undefined) return proven
  for (const { index, event } of entries) {
    const answer = await link.call(audit).proof({ params: { index: String(index) } })
    const checkpoint = openCheckpoint(answer.checkpoint, verifier.name, [verifier])
    const bytes = Buffer.from(answer.entry, 'base64')
    if (checkpoint === undefined || !holds(bytes, event.id)) continue
    const { origin, size, root } = checkpoint
    const proof = answer.proof.map((hash) => Buffer.from(hash, 'base64'))
    if (verifyInclusion({ index, size, leafHash: hashLeaf(bytes), proof, root }))
      proven.set(index, `${origin} ${size} ${Buffer.from(root).toString('base64')}`)
  }
  return proven
}

/** Whether the bytes that were proven are the event that was shown. */
function holds(bytes: Buffer, id: string): boolean {
  const event: unknown = JSON.parse(bytes.toString('utf8'))
  return typeof event === 'object' && event !== null && 'id' in event && event.id === id
}
