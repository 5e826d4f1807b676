import {
  type Checkpoint,
  type NoteVerifier,
  openCheckpoint,
  sameHash,
  TILE_WIDTH,
} from '@countersign/ground/merkle'
import type { ReadFile } from '../log/tile-folder.ts'
import { compareEntries, complete } from './compare-entries.ts'
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
  const { report, checkpoint, verifier } = earlier
  const since = openCheckpoint(note, verifier.name, [verifier])
  const what =
    since === undefined
      ? 'the earlier checkpoint is not signed by this key'
      : since.size > checkpoint.size
        ? `the log has become shorter: ${since.size} entries before, ${checkpoint.size} now`
        : sameHash(await rootAt(since.size, earlier), since.root)
          ? undefined
          : `the first ${since.size} entries are not those of the earlier checkpoint`
  if (what !== undefined) report.add({ kind: 'checkpoint', what })
}

/** Root of the first `size` entries. */
async function rootAt(size: number, { read, base, checkpoint }: Earlier): Promise<Buffer> {
  const index = Math.floor(size / TILE_WIDTH)
  const width = Math.min(TILE_WIDTH, checkpoint.size - index * TILE_WIDTH)
  const { fromTile } = await compareEntries(read, { level: 'entries', index, width })
  const last = complete(fromTile.slice(0, size % TILE_WIDTH)) ?? []
  return rootAbove({ bundles: base.bundles.slice(0, index), last })
}
