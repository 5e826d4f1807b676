import type { KeyObject } from 'node:crypto'
import { decrypt, encrypt } from './aes-gcm.ts'
import { SealError } from './errors.ts'
import { NONCE_BYTES, STREAM_CHUNK_BYTES, TAG_BYTES } from './limits.ts'

/*
 * A file of any length under one key: chunks of 64 KiB, each sealed with AES-256-GCM by itself, so that memory stays
 * small and no byte is believed before its tag was. The nonce of a chunk is its number and whether it is the last one:
 * chunks that are exchanged, left out, repeated or cut off at the end do not open (the STREAM construction of Hoang,
 * Reyhanitabar, Rogaway and Vizár, "Online Authenticated-Encryption and its Nonce-Reuse Misuse-Resistance", 2015).
 * The numbers begin anew in each file, so a key is for one file only.
 */
const NOTHING = Buffer.alloc(0)
const SEALED_BYTES = STREAM_CHUNK_BYTES + TAG_BYTES

/** Seals what `source` gives. The key must never have sealed anything else. */
export async function* sealStream(
  key: KeyObject,
  source: AsyncIterable<Uint8Array>,
): AsyncGenerator<Buffer> {
  for await (const { bytes, number, last } of chunksOf(source, STREAM_CHUNK_BYTES)) {
    const box = encrypt(key, { nonce: nonceOf(number, last), plaintext: bytes, aad: NOTHING })
    yield Buffer.concat([box.ciphertext, box.tag])
  }
}

/**
 * Opens what `sealStream` made. What comes out is authentic, but whether it is all of it is known only when this ends.
 * Throws `SealError` NOT_AUTHENTIC.
 */
export async function* openStream(
  key: KeyObject,
  source: AsyncIterable<Uint8Array>,
): AsyncGenerator<Buffer> {
  for await (const { bytes, number, last } of chunksOf(source, SEALED_BYTES)) {
    const end = bytes.length - TAG_BYTES
    if (!(end >= 0)) throw new SealError('NOT_AUTHENTIC', 'the sealed file is cut off')
    const box = {
      nonce: nonceOf(number, last),
      ciphertext: bytes.subarray(0, end),
      tag: bytes.subarray(end),
    }
    yield decrypt(key, box, NOTHING)
  }
}

interface Chunk {
  readonly bytes: Buffer
  readonly number: number
  readonly last: boolean
}

/** Full chunks, and a last one that may be shorter, or empty where there is nothing at all. */
async function* chunksOf(source: AsyncIterable<Uint8Array>, size: number): AsyncGenerator<Chunk> {
  let held: Uint8Array[] = []
  let length = 0
  let number = 0
  for await (const part of source) {
    held.push(part)
    length += part.length
    if (length <= size) continue
    // A full chunk goes out when more is known to follow: only then it is not the last.
    const all = Buffer.concat(held)
    let at = 0
    for (; length - at > size; at += size)
      yield { bytes: all.subarray(at, at + size), number: number++, last: false }
    held = [all.subarray(at)]
    length -= at
  }
  yield { bytes: Buffer.concat(held), number, last: true }
}

function nonceOf(number: number, last: boolean): Buffer {
  const nonce = Buffer.alloc(NONCE_BYTES)
  nonce.writeBigUInt64BE(BigInt(number), 3)
  nonce[NONCE_BYTES - 1] = last ? 1 : 0
  return nonce
}
