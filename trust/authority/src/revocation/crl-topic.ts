import { keyIdSchema } from '@countersign/contract/platform'
import { z } from 'zod'
import type { SyncTopic } from '../peers/topic.ts'
import type { Crl } from './crl-store.ts'
import { CRL_BYTES_MAX, CRL_ISSUERS_MAX, CRL_TOLD_BYTES_MAX, PEER_KEPT_MS } from './limits.ts'
import { PeerMemory } from './peer-memory.ts'

/*
 * Each word has the numbers of all lists that its speaker holds, and those lists of which a peer has shown a lower
 * number, or none. Which list is believed is decided by its signature alone, never by who tells of it.
 *
 * Until a peer was heard the word is empty, so that its answer has all that it holds: also a list of ours from before
 * our store was lost, which would be gone if ours of now, with a higher number and less on it, came there first.
 */
const saidSchema = z.strictObject({
  numbers: z.record(keyIdSchema, z.int().nonnegative()),
  /** DER in base64. */
  lists: z.record(keyIdSchema, z.base64().max(Math.ceil(CRL_BYTES_MAX / 3) * 4)),
})
type Said = z.infer<typeof saidSchema>

interface Parts {
  all(): Crl[]
  /** Checks and keeps one list; ignores what is not newer, not signed or nobody's. */
  learn(issuer: string, der: Buffer): Promise<void>
  onChange(listener: () => void): () => void
}

export class CrlTopic implements SyncTopic {
  readonly name = 'crls'
  readonly #parts: Parts
  /** What peers last said that they hold. */
  readonly #peers = new PeerMemory<Said['numbers']>(PEER_KEPT_MS)

  constructor(parts: Parts) {
    this.#parts = parts
  }

  say(): Said {
    const said: Said = { numbers: {}, lists: {} }
    const peers = this.#peers.values()
    if (peers.length === 0) return said
    let left = CRL_TOLD_BYTES_MAX
    for (const { issuer, number, der } of this.#parts.all()) {
      said.numbers[issuer] = number
      const isWanted = peers.some((held) => (held[issuer] ?? 0) < number)
      if (!isWanted || der.length > Math.min(left, CRL_BYTES_MAX)) continue
      left -= der.length
      said.lists[issuer] = der.toString('base64')
    }
    return said
  }

  /** Rejects with a `ZodError` or `X509Error` for what is no list at all. */
  async hear(said: unknown, from: string): Promise<void> {
    const { numbers, lists } = saidSchema.parse(said)
    if (Object.keys(numbers).length > CRL_ISSUERS_MAX) throw new TypeError('too many lists')
    this.#peers.set(from, numbers)
    for (const [issuer, base64] of Object.entries(lists))
      await this.#parts.learn(issuer, Buffer.from(base64, 'base64'))
  }

  onChange(listener: () => void): () => void {
    return this.#parts.onChange(listener)
  }
}
