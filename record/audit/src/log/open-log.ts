import { access, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import {
  EMPTY_EDGE,
  EMPTY_TREE_HASH,
  edgeRoot,
  hashLeaf,
  type NoteSigner,
  openCheckpoint,
  parseBundle,
  readEdge,
  sameHash,
  signCheckpoint,
  TILE_WIDTH,
  type TreeEdge,
  tilePath,
  verifierOf,
} from '@countersign/ground/merkle'
import type { SealKey } from '@countersign/ground/seal'
import { writeFileAtomic } from '@countersign/ground/store'
import { fromBytes } from '../domain/entry.ts'
import { damaged } from '../errors.ts'
import { EntryLog, type LogState } from './entry-log.ts'
import { openLogKey } from './log-key.ts'
import { dropOtherPartials, type ReadFile, readLogFolder } from './tile-folder.ts'
import { Wal } from './wal.ts'

/**
 * Opens the log of a folder, or begins one. What the write-ahead file holds beyond the checkpoint is put into tiles and
 * signed first. Throws `LogError` LOG_DAMAGED rather than sign on top of what does not fit the last signature.
 */
export async function openLog(options: {
  readonly folder: string
  readonly origin: string
  readonly sealKey: SealKey
}): Promise<{ log: EntryLog; signer: NoteSigner; read: ReadFile }> {
  const { folder } = options
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const read = readLogFolder(folder)
  const begun = (await exists(join(folder, 'tile'))) || (await exists(join(folder, 'checkpoint')))
  const signer = await openLogKey({ ...options, logExists: begun })
  const state = begun ? await readState(read, signer) : await begin(folder, signer)
  await dropStale(folder, state)
  const wal = await Wal.open(join(folder, 'wal'))
  const tail = (await wal.replay(state.edge.size)).map(fromBytes)
  const log = new EntryLog({ folder, signer, wal, state, tail })
  await log.integrate()
  await wal.dropBefore(await wal.rotate())
  return { log, signer, read }
}

async function begin(folder: string, signer: NoteSigner): Promise<LogState> {
  const checkpoint = signCheckpoint({ origin: signer.name, size: 0, root: EMPTY_TREE_HASH }, signer)
  await writeFileAtomic(join(folder, 'checkpoint'), checkpoint)
  return { edge: EMPTY_EDGE, bundle: [], checkpoint }
}

async function readState(read: ReadFile, signer: NoteSigner): Promise<LogState> {
  const text = await read('checkpoint')
  if (text === undefined) throw damaged('the checkpoint is missing')
  const checkpoint = openCheckpoint(text, signer.name, [verifierOf(signer)])
  if (checkpoint === undefined) throw damaged('the checkpoint is not signed by the key of this log')
  const edge = await readEdge(checkpoint.size, (name) => read(tilePath(name)))
  if (edge === undefined || !sameHash(edgeRoot(edge), checkpoint.root))
    throw damaged('the tiles do not have the signed root')
  return { edge, bundle: await readLastBundle(read, edge), checkpoint: text.toString() }
}

async function readLastBundle(read: ReadFile, { size, levels }: TreeEdge): Promise<Buffer[]> {
  const width = size % TILE_WIDTH
  if (width === 0) return []
  const index = Math.floor(size / TILE_WIDTH)
  const bytes = await read(tilePath({ level: 'entries', index, width }))
  const { entries, rest } = parseBundle(bytes ?? Buffer.alloc(0))
  const hashes = levels[0] ?? []
  const fits = hashes.every((hash, i) => sameHash(hash, hashLeaf(entries[i] ?? Buffer.alloc(0))))
  if (entries.length !== width || rest > 0 || !fits)
    throw damaged('the last entries do not have the signed hashes')
  return entries
}

// What a crash left between a new checkpoint and the removal of the partial tiles before it.
async function dropStale(folder: string, { edge: { size } }: LogState): Promise<void> {
  for (let level = 0, count = size; count > 0; level++, count = Math.floor(count / TILE_WIDTH)) {
    const index = Math.floor(count / TILE_WIDTH)
    const width = count % TILE_WIDTH
    const last = width > 0 ? { index, width } : { index: index - 1, width: TILE_WIDTH }
    for (const name of level === 0 ? (['entries', 0] as const) : [level])
      await dropOtherPartials(folder, { level: name, ...last })
  }
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}
