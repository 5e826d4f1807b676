import { createSecretKey, randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { openStream, sealStream } from './sealed-stream.ts'

const CHUNK = 65_536
const SEALED = CHUNK + 16
const key = createSecretKey(randomBytes(32))

async function* partsOf(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}
async function all(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = []
  for await (const part of source) parts.push(part)
  return Buffer.concat(parts)
}
const sealed = (bytes: Buffer, size = 10_000) => all(sealStream(key, partsOf(bytes, size)))
const opened = (bytes: Buffer, size = 10_000, with_ = key) =>
  all(openStream(with_, partsOf(bytes, size)))
const refused = { code: 'NOT_AUTHENTIC' }

describe('a sealed stream', () => {
  it.each([0, 1, 15, 16, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, 3 * CHUNK + 7])(
    'gives back %i bytes, however they come in parts',
    async (length) => {
      const bytes = randomBytes(length)
      for (const size of [999, CHUNK, SEALED, 1_000_000]) {
        const text = await sealed(bytes, size)
        expect(text.length).toBe(length + 16 * Math.max(1, Math.ceil(length / CHUNK)))
        expect((await opened(text, size)).equals(bytes)).toBe(true)
      }
    },
  )

  it('does not open with a flipped bit', async () => {
    const text = await sealed(randomBytes(CHUNK + 100))
    await fc.assert(
      fc.asyncProperty(fc.nat(text.length * 8 - 1), async (bit) => {
        const changed = Buffer.from(text)
        changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7))
        await expect(opened(changed)).rejects.toMatchObject(refused)
      }),
      { numRuns: 200 },
    )
  })

  it('does not open when cut anywhere, chunk ends included, or when longer', async () => {
    const text = await sealed(randomBytes(3 * CHUNK))
    for (const length of [0, 1, 15, 16, SEALED - 1, SEALED, 2 * SEALED, text.length - 1])
      await expect(opened(text.subarray(0, length)), `${length}`).rejects.toMatchObject(refused)
    await expect(opened(Buffer.concat([text, Buffer.alloc(1)]))).rejects.toMatchObject(refused)
    await expect(opened(Buffer.concat([text, text]))).rejects.toMatchObject(refused)
  })

  it('does not open with its chunks exchanged, repeated or left out', async () => {
    const text = await sealed(randomBytes(3 * CHUNK))
    const [a, b, c] = [0, 1, 2].map((i) => text.subarray(i * SEALED, (i + 1) * SEALED))
    for (const order of [[b, a, c], [a, a, b, c], [a, c], [b, c], [c]])
      await expect(opened(Buffer.concat(order as Buffer[]))).rejects.toMatchObject(refused)
  })

  it('does not open with another key', async () => {
    const other = createSecretKey(randomBytes(32))
    await expect(opened(await sealed(randomBytes(10)), 99, other)).rejects.toMatchObject(refused)
  })

  it('holds few chunks at a time', async () => {
    let made = 0
    async function* endless(): AsyncGenerator<Buffer> {
      for (;;) {
        made += 1
        yield Buffer.alloc(CHUNK)
      }
    }
    const stream = sealStream(key, endless())
    for (let i = 0; i < 100; i++) await stream.next()
    await stream.return(undefined)
    expect(made).toBeLessThan(103)
  })
})
