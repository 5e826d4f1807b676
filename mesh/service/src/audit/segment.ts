import { type FileHandle, open, readdir } from 'node:fs/promises'
import { join } from 'node:path'

/** One file of the spool. `bytes` is what was written whole; behind it may lie a line that broke off. */
export interface Segment {
  readonly number: number
  readonly path: string
  bytes: number
}

export const segmentPath = (folder: string, number: number): string =>
  join(folder, `${String(number).padStart(12, '0')}.ndjson`)

/** The segments of a folder, oldest first, with their sizes. */
export async function listSegments(folder: string): Promise<Segment[]> {
  const numbers = (await readdir(folder))
    .map((name) => /^([0-9]{12})\.ndjson$/.exec(name)?.[1])
    .filter((digits) => digits !== undefined)
    .map(Number)
    .sort((a, b) => a - b)
  return Promise.all(
    numbers.map(async (number) => {
      const path = segmentPath(folder, number)
      const file = await open(path, 'r')
      try {
        return { number, path, bytes: (await file.stat()).size }
      } finally {
        await file.close()
      }
    }),
  )
}

/** How many lines a file has from `offset` on. */
export async function countLines(path: string, offset: number): Promise<number> {
  const file = await open(path, 'r')
  let lines = 0
  try {
    for await (const chunk of file.createReadStream({ start: offset, autoClose: false }))
      lines += newlinesIn(chunk)
  } finally {
    await file.close()
  }
  return lines
}

export const NEWLINE = 0x0a

function newlinesIn(chunk: Buffer): number {
  let count = 0
  for (let at = chunk.indexOf(NEWLINE); at >= 0; at = chunk.indexOf(NEWLINE, at + 1)) count++
  return count
}

/** Reads up to `length` bytes, fewer only where the file ends. */
export async function readAt(file: FileHandle, offset: number, length: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(length)
  let filled = 0
  while (filled < length) {
    const { bytesRead } = await file.read(buffer, filled, length - filled, offset + filled)
    if (bytesRead === 0) break
    filled += bytesRead
  }
  return buffer.subarray(0, filled)
}
