import { revocationReasonSchema } from '@countersign/contract/platform'
import { z } from 'zod'
import type { SyncTopic } from '../peers/topic.ts'
import { COMPROMISED_KEYS_MAX, PEER_KEPT_MS, WEIGHT_MAX } from './limits.ts'
import { PeerMemory } from './peer-memory.ts'
import { type Revocation, revocationRow, revocationScopes } from './revocation.ts'
import type { CompromisedKey, RevocationBook } from './revocation-book.ts'

/*
 * Authorities merge what they know as a union. Each word has the digest of all that its speaker knows, and the latest
 * changes; all of it goes along only while a peer has shown another digest, or has not been heard of since the start.
 * So a change is everywhere with one word, and after a time apart two words are enough.
 */
const tuple = z.tuple([
  z.enum(revocationScopes),
  z.string(),
  z.number(),
  z.number(),
  revocationReasonSchema,
  z.string(),
])
const saidSchema = z.strictObject({
  digest: z.string().regex(/^[0-9a-f]{64}$/),
  rows: z.array(tuple).max(WEIGHT_MAX),
  keys: z
    .array(z.tuple([z.string().regex(/^[0-9a-f]{64}$/), z.int().nonnegative()]))
    .max(COMPROMISED_KEYS_MAX),
})
type Said = z.infer<typeof saidSchema>

interface Parts {
  readonly book: RevocationBook
  /** Durable on return. */
  learn(rows: readonly Revocation[], keys: readonly CompromisedKey[]): Promise<void>
  onChange(listener: () => void): () => void
}

export class RevocationTopic implements SyncTopic {
  readonly name = 'revocations'
  readonly #parts: Parts
  /** Peers, and whether they last knew something else than we did. */
  readonly #differs = new PeerMemory<boolean>(PEER_KEPT_MS)

  constructor(parts: Parts) {
    this.#parts = parts
  }

  say(): Said {
    const { book } = this.#parts
    const peers = this.#differs.values()
    const isAll = peers.length === 0 || peers.includes(true)
    const { rows, keys } = isAll ? { rows: book.rows(), keys: book.keys() } : book.recent()
    return {
      digest: book.digest,
      rows: rows.map(({ scope, of, at, until, reason, by }) => [scope, of, at, until, reason, by]),
      keys: keys.map(({ hash, at }) => [hash, at]),
    }
  }

  /** Rejects with a `ZodError` for what is none, and takes in nothing of it. */
  async hear(said: unknown, from: string): Promise<void> {
    const { digest, rows, keys } = saidSchema.parse(said)
    const checked = rows.map(([scope, of, at, until, reason, by]) =>
      revocationRow.parse({ scope, of, at, until, reason, by }),
    )
    await this.#parts.learn(
      checked,
      keys.map(([hash, at]) => ({ hash, at })),
    )
    this.#differs.set(from, digest !== this.#parts.book.digest)
  }

  onChange(listener: () => void): () => void {
    return this.#parts.onChange(listener)
  }
}
