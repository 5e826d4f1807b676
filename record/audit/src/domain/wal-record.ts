import { crc32 } from 'node:zlib'
import { encodeEntry, parseBundle } from '@countersign/ground/merkle'

/*
 * One record of the write-ahead file: the entries of one group commit, all or none.
 *
 *   "CSW1" | index of the first entry, uint64 | bytes of the payload, uint32 | CRC-32 of all else, uint32 | payload
 *
 * The payload has the form of an entry bundle. A record is written only after the one before it was synced, so a
 * broken record at the end of a file is a write that was never acknowledged; with a whole record behind it, it is damage.
 */
const MAGIC: Buffer = Buffer.from('CSW1')
const HEAD_BYTES = 20
const CRC_AT = 16

export interface WalRecord {
  /** Index of its first entry in the log. */
  readonly first: number
  readonly entries: readonly Buffer[]
}

export function encodeRecord({ first, entries }: WalRecord): Buffer {
  const payload = entries.map(encodeEntry)
  const head = Buffer.alloc(HEAD_BYTES)
  head.set(MAGIC)
  head.writeBigUInt64BE(BigInt(first), 4)
  head.writeUInt32BE(
    payload.reduce((sum, { length }) => sum + length, 0),
    12,
  )
  const record = Buffer.concat([head, ...payload])
  record.writeUInt32BE(checksum(record), CRC_AT)
  return record
}

/** The records of a file. `brokenAt` is where they end although bytes follow; `damaged` if a whole record is among those. */
export function decodeRecords(file: Buffer): {
  records: WalRecord[]
  brokenAt: number | undefined
  damaged: boolean
} {
  const records: WalRecord[] = []
  let at = 0
  while (at < file.length) {
    const read = decodeAt(file, at)
    if (read === undefined) break
    records.push(read.record)
    at = read.end
  }
  const brokenAt = at < file.length ? at : undefined
  return { records, brokenAt, damaged: brokenAt !== undefined && hasRecordAfter(file, brokenAt) }
}

function decodeAt(file: Buffer, at: number): { record: WalRecord; end: number } | undefined {
  if (at + HEAD_BYTES > file.length || !file.subarray(at, at + 4).equals(MAGIC)) return undefined
  const end = at + HEAD_BYTES + file.readUInt32BE(at + 12)
  if (end > file.length) return undefined
  const bytes = file.subarray(at, end)
  if (bytes.readUInt32BE(CRC_AT) !== checksum(bytes)) return undefined
  const first = Number(bytes.readBigUInt64BE(4))
  const { entries, rest } = parseBundle(bytes.subarray(HEAD_BYTES))
  return rest === 0 ? { record: { first, entries }, end } : undefined
}

function hasRecordAfter(file: Buffer, brokenAt: number): boolean {
  for (let at = file.indexOf(MAGIC, brokenAt + 1); at >= 0; at = file.indexOf(MAGIC, at + 1))
    if (decodeAt(file, at) !== undefined) return true
  return false
}

const checksum = (record: Buffer): number =>
  crc32(record.subarray(HEAD_BYTES), crc32(record.subarray(0, CRC_AT)))
