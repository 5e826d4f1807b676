import { decodeBase64 } from './base64.ts'
import { HASH_BYTES } from './hash.ts'
import { type NoteSigner, type NoteVerifier, openNote, signNote } from './note.ts'

/*
 * C2SP tlog-checkpoint: a note that says how large a log is and what its root hash is. Lines: origin, size in
 * decimal without leading zeroes, root hash in base64, then extension lines, which we neither write nor read.
 */
export interface Checkpoint {
  readonly origin: string
  readonly size: number
  readonly root: Uint8Array
}

/** Signs a checkpoint; the signer's name should be the origin. */
export function signCheckpoint(checkpoint: Checkpoint, signer: NoteSigner): string {
  const { origin, size, root } = checkpoint
  return signNote(`${origin}\n${size}\n${Buffer.from(root).toString('base64')}\n`, signer)
}

/**
 * Reads a checkpoint of the log called `origin`; `undefined` where it is malformed, of another log, or
 * not signed by one of the verifiers.
 */
export function openCheckpoint(
  note: string | Uint8Array,
  origin: string,
  verifiers: readonly NoteVerifier[],
): Checkpoint | undefined {
  const text = openNote(note, verifiers)
  const checkpoint = text === undefined ? undefined : parseCheckpoint(text)
  return checkpoint?.origin === origin ? checkpoint : undefined
}

/** Reads the text of a checkpoint, whose signature somebody else has checked. */
export function parseCheckpoint(text: string): Checkpoint | undefined {
  const lines = text.split('\n')
  const [origin = '', digits = '', encoded = ''] = lines
  if (lines.pop() !== '' || lines.length < 3 || lines.some((line) => line === '')) return undefined
  const root = decodeBase64(encoded)
  const size = Number(digits)
  if (!/^(0|[1-9][0-9]*)$/.test(digits) || !Number.isSafeInteger(size)) return undefined
  return root?.length === HASH_BYTES ? { origin, size, root } : undefined
}
