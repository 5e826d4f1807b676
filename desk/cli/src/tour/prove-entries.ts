import { audit } from '@countersign/contract/platform'
import {
  hashLeaf,
  type NoteVerifier,
  openCheckpoint,
  parseVerifierKey,
  verifyInclusion,
} from '@countersign/ground/merkle'
import { CallError, type Connected } from '@countersign/service'
import type { Entry } from '../explain/read-request.ts'

const STEP_MS = 100

/**
 * Proves that entries lie in the log, from its public key alone. Returns for each the checkpoint that its proof led
 * to, as `origin size root`; entries that could not be proven are not among them. An entry that has just come is not
 * in a signed checkpoint yet: that is waited for.
 */
export async function proveEntries(
  link: Connected<'desk'>,
  entries: readonly Entry[],
  waitMs: number,
): Promise<ReadonlyMap<number, string>> {
  const { key } = await link.call(audit).key()
  const verifier = parseVerifierKey(key)
  const proven = new Map<number, string>()
  if (verifier === undefined) return proven
  const end = performance.now() + waitMs
  for (const entry of entries) {
    const answer = await askForProof(link, entry.index, end)
    const checkpoint = answer === undefined ? undefined : check(entry, answer, verifier)
    if (checkpoint !== undefined) proven.set(entry.index, checkpoint)
  }
  return proven
}

interface Answer {
  readonly entry: string
  readonly proof: readonly string[]
  readonly checkpoint: string
}

async function askForProof(
  link: Connected<'desk'>,
  index: number,
  end: number,
): Promise<Answer | undefined> {
  for (;;) {
    try {
      return await link.call(audit).proof({ params: { index: String(index) } })
    } catch (error) {
      if (!(error instanceof CallError && error.status === 404)) throw error
      if (performance.now() > end) return undefined
      await new Promise((resolve) => setTimeout(resolve, STEP_MS))
    }
  }
}

function check(
  { index, event }: Entry,
  answer: Answer,
  verifier: NoteVerifier,
): string | undefined {
  const checkpoint = openCheckpoint(answer.checkpoint, verifier.name, [verifier])
  const bytes = Buffer.from(answer.entry, 'base64')
  if (checkpoint === undefined || !holds(bytes, event.id)) return undefined
  const { origin, size, root } = checkpoint
  const proof = answer.proof.map((hash) => Buffer.from(hash, 'base64'))
  const proven = verifyInclusion({ index, size, leafHash: hashLeaf(bytes), proof, root })
  return proven ? `${origin} ${size} ${Buffer.from(root).toString('base64')}` : undefined
}

/** Whether the bytes that were proven are the event that was shown. */
function holds(bytes: Buffer, id: string): boolean {
  const event: unknown = JSON.parse(bytes.toString('utf8'))
  return typeof event === 'object' && event !== null && 'id' in event && event.id === id
}
