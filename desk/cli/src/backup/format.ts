import { createHash, type KeyObject } from 'node:crypto'
import { deriveKey, kdfSchema, keyOfPassphrase } from '@countersign/ground/seal'
import { z } from 'zod'
import { DeskError } from '../errors.ts'
import { BACKUP_HEADER_BYTES_MAX, BACKUP_PATH_CHARS_MAX } from '../limits.ts'

/*
 * A backup is one file:
 *
 *   a line of JSON        the header: when it was made, how its passphrase becomes a key; readable by everybody
 *   sealed chunks         see `sealed-stream.ts` of ground/seal; the key is bound to the header
 *     gzip of entries     each: its length (uint32, big endian), JSON, and for a file its bytes
 *       state             whose state it is and what it needs; always the first
 *       folder, file      paths below the state folder, a folder before what is in it
 *       end               how many there were; always the last
 *
 * Nothing of it is believed before it was authenticated, and nothing of it is put in place before its end was seen.
 */
const headerSchema = z.strictObject({
  format: z.literal('countersign-backup'),
  version: z.literal(1),
  createdAt: z.iso.datetime(),
  kdf: kdfSchema,
  /** Tells a wrong passphrase from a damaged file. */
  check: z.string().regex(/^1-[0-9a-f]{16}$/),
})
export type BackupHeader = z.infer<typeof headerSchema>

/** Below the state folder, in plain segments: no way out of it, and one spelling for one place. */
const pathSchema = z
  .string()
  .max(BACKUP_PATH_CHARS_MAX)
  .refine((path) => isPlain(path), 'is not a path below the state folder')
const modeSchema = z.int().min(0).max(0o777)
const count = z.int().nonnegative()

export const entrySchema = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('state'),
    stateVersion: z.int().positive(),
    platform: z.string().max(64),
    arch: z.string().max(64),
    /** The main version of the PostgreSQL whose data is in it. */
    postgres: z.int().positive().nullable(),
  }),
  z.strictObject({ type: z.literal('folder'), path: pathSchema, mode: modeSchema }),
  z.strictObject({ type: z.literal('file'), path: pathSchema, mode: modeSchema, size: count }),
  z.strictObject({ type: z.literal('end'), files: count, bytes: count }),
])
export type BackupEntry = z.infer<typeof entrySchema>
export type StateEntry = Extract<BackupEntry, { type: 'state' }>

function isPlain(path: string): boolean {
  return path
    .split('/')
    .every((part) => part !== '' && part !== '.' && part !== '..' && !/[\0\\]/.test(part))
}

/** The key of a backup, which only this header goes with; and what tells whether the passphrase is the right one. */
export function backupKeys(
  passphrase: string,
  kdf: BackupHeader['kdf'],
): { readonly check: string; bind(headerLine: string): KeyObject } {
  const master = keyOfPassphrase(passphrase, kdf)
  return {
    check: deriveKey(master, 'backup check').id,
    bind: (line) => {
      const hash = createHash('sha256').update(line).digest('hex')
      return deriveKey(master, `backup ${hash}`).key
    },
  }
}

export function headerLine(header: BackupHeader): string {
  return `${JSON.stringify(header)}\n`
}

/** Takes the first bytes of a file apart. Throws `DeskError` FAILED where it is no backup of ours. */
export function readHeader(start: Buffer): { header: BackupHeader; line: string } {
  const end = start.subarray(0, BACKUP_HEADER_BYTES_MAX).indexOf(0x0a)
  const line = start.toString('utf8', 0, end + 1)
  const read = headerSchema.safeParse(parse(line))
  if (read.success) return { header: read.data, line }
  throw new DeskError('FAILED', 'this is no backup of countersign, or one of a newer version')
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
