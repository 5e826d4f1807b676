import type { Handlers, RawReply } from '@countersign/contract'
import type { audit } from '@countersign/contract/platform'
import {
  formatVerifierKey,
  hashLeaf,
  type NoteSigner,
  parseTilePath,
  proveInclusion,
  rangesOfTiles,
  TILE_WIDTH,
  tilePath,
  verifierOf,
} from '@countersign/ground/merkle'
import { Refusal } from '@countersign/layers'
import type { Context } from '@countersign/service'
import type { Collector } from './collector.ts'
import type { EntryLog } from './log/entry-log.ts'
import type { EntryReader } from './log/entry-reader.ts'
import type { ReadFile } from './log/tile-folder.ts'
import type { Queries } from './query.ts'

export interface Desk {
  readonly log: EntryLog
  readonly reader: EntryReader
  readonly read: ReadFile
  readonly collector: Collector
  readonly queries: Queries
  readonly signer: NoteSigner
}

/** What the audit log answers. */
export function createHandlers(desk: Desk): Handlers<typeof audit, Context<'audit'>> {
  const key = formatVerifierKey(verifierOf(desk.signer))
  return {
    append: ({ body, permit }) => desk.collector.append(body.events, permit.caller),
    query: ({ query, signal }) => {
      const { limit, newestFirst, waitMs = 0, ...filter } = query
      return desk.queries.query(filter, { limit, newestFirst, waitMs, signal })
    },
    checkpoint: () => ({
      status: 200,
      headers: { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-cache' },
      body: desk.log.checkpoint,
    }),
    tile: ({ path }) => readTile(desk, path.replace(/^\//, '')),
    key: () => ({ key }),
    proof: ({ params }) => prove(desk, Number(params.index)),
  }
}

async function readTile({ log, read }: Desk, path: string): Promise<RawReply> {
  const name = parseTilePath(path)
  if (name === undefined) throw new Refusal('NOT_FOUND', { rule: 'audit: not the path of a tile' })
  // A tile that no checkpoint covers does not exist yet, even if its file does.
  const span = typeof name.level === 'number' ? TILE_WIDTH ** name.level : 1
  const covered = (name.index * TILE_WIDTH + name.width) * span <= log.signedSize
  const body = covered ? await read(path) : undefined
  if (body === undefined) throw new Refusal('NOT_FOUND', { rule: 'audit: no such tile' })
  return {
    status: 200,
    headers: {
      'content-type': 'application/octet-stream',
      'cache-control': 'max-age=31536000, immutable',
    },
    body,
  }
}

async function prove({ log, reader, read }: Desk, index: number) {
  const size = log.signedSize
  const checkpoint = log.checkpoint
  if (!(Number.isSafeInteger(index) && index >= 0 && index < size))
    throw new Refusal('NOT_FOUND', { rule: `audit: no entry ${index} under the checkpoint` })
  const ranges = rangesOfTiles(size, (name) => read(tilePath(name)))
  const proof = await proveInclusion(index, size, ranges)
  const entry = await reader.entry(index)
  return {
    index,
    entry: entry.toString('base64'),
    leafHash: hashLeaf(entry).toString('base64'),
    proof: proof.map((hash) => Buffer.from(hash).toString('base64')),
    checkpoint,
  }
}
