import {
  type Checkpoint,
  type NoteVerifier,
  openCheckpoint,
  sameHash,
  TILE_WIDTH,
} from '@countersign/ground/merkle'
import type { ReadFile } from '../log/tile-folder.ts'
import { compareEntries, complete, same } from './compare-entries.ts'
import type { Report } from './report.ts'
import { type Base, rootAbove } from './tree-above.ts'

export interface Earlier {
  readonly report: Report
  readonly read: ReadFile
  readonly base: Base
  readonly checkpoint: Checkpoint
  readonly verifier: NoteVerifier
}

/** Checks that the log goes on from a checkpoint that was seen before: nothing cut off, nothing begun anew. */
export async function checkSince(note: string, earlier: Earlier): Promise<void> {
  const what = await findBreak(note, earlier)
  if (what !== undefined) earlier.report.add({ kind: 'checkpoint', what })
}

async function findBreak(note: string, earlier: Earlier): Promise<string | undefined> {
  const { checkpoint, verifier } = earlier
  const since = openCheckpoint(note, verifier.name, [verifier])
  if (since === undefined) return 'the earlier checkpoint is not signed by this key'
  if (since.size > checkpoint.size)
    return `the log has become shorter: ${since.size} entries before, ${checkpoint.size} now`
  const last = await leavesBefore(since.size, earlier)
  // Which entry is damaged there has been said; what a damaged bundle was like before, it does not tell.
  if (last === undefined) return undefined
  const bundles = earlier.base.bundles.slice(0, Math.floor(since.size / TILE_WIDTH))
  return sameHash(rootAbove({ bundles, last }), since.root)
    ? undefined
    : `the first ${since.size} entries are not those of the earlier checkpoint`
}

/**
 * Hashes of the entries before `size` in the bundle that it ends in, from the side of it that the signed root is right
 * about: a damaged tile must not look like another log. Undefined where neither side is whole.
 */
async function leavesBefore(size: number, { read, base }: Earlier): Promise<Buffer[] | undefined> {
  const [index, count] = [Math.floor(size / TILE_WIDTH), size % TILE_WIDTH]
  if (count === 0) return []
  const root = base.bundles[index]
  if (root === undefined) return base.last.slice(0, count)
  const compared = await compareEntries(read, { level: 'entries', index, width: TILE_WIDTH })
  const { tileRoot, fromTile, entriesRoot, fromEntries } = compared
  const side = same(tileRoot, root) ? fromTile : same(entriesRoot, root) ? fromEntries : undefined
  return complete(side)?.slice(0, count)
}
