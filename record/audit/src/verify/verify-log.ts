import {
  type Checkpoint,
  openCheckpoint,
  parseVerifierKey,
  sameHash,
  TILE_WIDTH,
  tilePath,
  tilesOf,
} from '@countersign/ground/merkle'
import type { ReadFile } from '../log/tile-folder.ts'
import { checkSince } from './check-since.ts'
import { type Comparison, compareEntries, complete, differences, same } from './compare-entries.ts'
import { type LogVerdict, Report } from './report.ts'
import { type Base, readLevelOne, rootAbove, tilesAbove } from './tree-above.ts'

export type { Fault, LogVerdict } from './report.ts'

/*
 * 1. the checkpoint has to be signed by the key
 * 2. every entry is hashed and held against the tile of level 0
 * 3. the signed root tells which side is right: the entries, the tiles of level 0, or the tiles of level 1
 * 4. from the right side all other tiles are computed and compared, byte by byte
 * 5. an earlier checkpoint, where one is given, has to be of the same log
 */
export interface VerifyOptions {
  /** Reads `checkpoint` and tile paths: `readLogFolder`, or a client of the audit service. */
  readonly read: ReadFile
  /** The public key of the log: `name+hash+base64`. */
  readonly key: string
  /** A checkpoint that was seen before: finds a tail that was cut off, and a log that was begun anew. */
  readonly since?: string | undefined
}

/**
 * Verifies a whole log from its public key alone: every entry, every tile, the checkpoint. Whatever is damaged is named.
 * Throws `TypeError` for a key that is none.
 */
export async function verifyLog({ read, key, since }: VerifyOptions): Promise<LogVerdict> {
  const verifier = parseVerifierKey(key)
  if (verifier === undefined) throw new TypeError('not a verifier key: name+hash+base64')
  const report = new Report()
  const text = await read('checkpoint')
  const checkpoint = openCheckpoint(text ?? '', verifier.name, [verifier])
  if (checkpoint === undefined) {
    const what = text === undefined ? 'is missing' : 'is not signed by this key'
    report.add({ kind: 'checkpoint', what: `the checkpoint ${what}` })
    return report.verdict({ origin: verifier.name, size: 0, root: '' })
  }
  const comparisons = await compareAll(read, checkpoint.size)
  const levelOne = await readLevelOne(read, Math.floor(checkpoint.size / TILE_WIDTH))
  const base = findBase(comparisons, levelOne, checkpoint)
  if (base === undefined) reportUndecided(report, comparisons, levelOne)
  else await reportAgainst(base, { report, read, comparisons })
  if (since !== undefined && base !== undefined)
    await checkSince(since, { report, read, base, checkpoint, verifier })
  const root = Buffer.from(checkpoint.root).toString('hex')
  return report.verdict({ origin: verifier.name, size: checkpoint.size, root })
}

// Of a full bundle whose sides agree, its root is all that is needed: a long log must fit into memory.
async function compareAll(read: ReadFile, size: number): Promise<Comparison[]> {
  const comparisons: Comparison[] = []
  for (const name of tilesOf(size)) {
    if (name.level !== 'entries') break
    const compared = await compareEntries(read, name)
    const agree = name.width === TILE_WIDTH && same(compared.entriesRoot, compared.tileRoot)
    comparisons.push(agree ? { ...compared, fromEntries: [], fromTile: [] } : compared)
  }
  return comparisons
}

/** The base on which the signed root stands. */
function findBase(
  comparisons: readonly Comparison[],
  levelOne: readonly (Buffer | undefined)[],
  { root }: Checkpoint,
): Base | undefined {
  const full = comparisons.filter(({ bundle }) => bundle.width === TILE_WIDTH)
  const last = comparisons.find(({ bundle }) => bundle.width < TILE_WIDTH)
  const lasts = [last?.entriesRoot && last.fromEntries, last?.fromTile].map((side) =>
    last === undefined ? [] : side,
  )
  const sides = [full.map((each) => each.entriesRoot), full.map((each) => each.tileRoot), levelOne]
  for (const side of sides)
    for (const end of lasts) {
      const base = { bundles: complete(side), last: complete(end) }
      if (isBase(base) && sameHash(rootAbove(base), root)) return base
    }
  return undefined
}

const isBase = (base: { [K in keyof Base]: Base[K] | undefined }): base is Base =>
  base.bundles !== undefined && base.last !== undefined

interface Findings {
  readonly report: Report
  readonly read: ReadFile
  readonly comparisons: readonly Comparison[]
}

async function reportAgainst(base: Base, { report, read, comparisons }: Findings): Promise<void> {
  for (const each of comparisons) reportEntries(base, report, each)
  for (const each of comparisons) {
    if (!tileHolds(base, each))
      reportTile(
        report,
        tilePath({ ...each.bundle, level: 0 }),
        'does not hold the hashes of its entries',
      )
  }
  for (const tile of tilesAbove(base.bundles)) {
    const bytes = await read(tilePath(tile))
    if (bytes === undefined) reportTile(report, tilePath(tile), 'is missing')
    else if (!bytes.equals(tile.bytes))
      reportTile(report, tilePath(tile), 'does not hold the hashes of the tiles below')
  }
}

function reportTile(report: Report, path: string, what: string): void {
  report.add({ kind: 'tile', path, what })
}

function tileHolds(base: Base, { bundle, tileRoot, fromTile }: Comparison): boolean {
  if (bundle.width === TILE_WIDTH) return same(tileRoot, base.bundles[bundle.index])
  return fromTile.every((hash, i) => same(hash, base.last[i]))
}
function entriesHold(base: Base, { bundle, entriesRoot, fromEntries }: Comparison): boolean {
  if (bundle.width === TILE_WIDTH) return same(entriesRoot, base.bundles[bundle.index])
  return entriesRoot !== undefined && fromEntries.every((hash, i) => same(hash, base.last[i]))
}

function reportEntries(base: Base, report: Report, comparison: Comparison): void {
  if (entriesHold(base, comparison)) return
  const { bundle } = comparison
  const first = bundle.index * TILE_WIDTH
  const path = tilePath(bundle)
  for (const { place, what } of findDamage(base, comparison))
    report.add({ kind: 'entry', index: first + place, path, what })
}

function findDamage(base: Base, comparison: Comparison): { place: number; what: string }[] {
  const places = differences(comparison)
  const { width } = comparison.bundle
  const [place = 0] = places
  if (!tileHolds(base, comparison))
    return [{ place, what: 'it or one behind it was replaced, and its tile as well' }]
  if (places.length === 0) return [{ place: width - 1, what: 'bytes were added behind it' }]
  const behind = places.length - 1
  if (behind > 1 && behind === width - place - 1)
    return [{ place, what: `it is not what was signed, nor are the ${behind} behind it` }]
  return places.map((each) => ({ place: each, what: 'it is not what was signed' }))
}

/** No side leads to the signed root: say where the sides differ, or that all of them are of another log. */
function reportUndecided(
  report: Report,
  comparisons: readonly Comparison[],
  levelOne: readonly (Buffer | undefined)[],
): void {
  for (const each of comparisons) {
    const { bundle, entriesRoot, tileRoot } = each
    const above = bundle.width === TILE_WIDTH ? levelOne[bundle.index] : entriesRoot
    const [place = 0] = differences(each)
    if (same(entriesRoot, tileRoot) && same(entriesRoot, above)) continue
    const index = bundle.index * TILE_WIDTH + place
    const what = 'it, or the hashes above it, are not what was signed'
    report.add({ kind: 'entry', index, path: tilePath(bundle), what })
  }
  if (report.count > 0) return
  const what = 'the signed root is not that of the entries, although the tiles below fit them'
  report.add({ kind: 'checkpoint', what })
}
