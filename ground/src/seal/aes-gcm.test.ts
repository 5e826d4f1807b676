import { createSecretKey } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { decrypt, encrypt } from './aes-gcm.ts'

interface Vector {
  readonly tcId: number
  readonly comment: string
  readonly result: 'valid' | 'invalid'
  readonly [part: string]: unknown
}
interface Group {
  readonly keySize: number
  readonly ivSize: number
  readonly tagSize: number
  readonly tests: readonly Vector[]
}
const file = new URL('testdata/aes_gcm_test.json', import.meta.url)
const { testGroups, numberOfTests } = JSON.parse(readFileSync(file, 'utf8')) as {
  testGroups: readonly Group[]
  numberOfTests: number
}

const hex = (vector: Vector, part: string) => Buffer.from(String(vector[part]), 'hex')
const usual = (group: Group) =>
  group.keySize === 256 && group.ivSize === 96 && group.tagSize === 128

function opened(vector: Vector): Buffer | undefined {
  const box = { nonce: hex(vector, 'iv'), ciphertext: hex(vector, 'ct'), tag: hex(vector, 'tag') }
  try {
    return decrypt(createSecretKey(hex(vector, 'key')), box, hex(vector, 'aad'))
  } catch (error) {
    expect(error).toMatchObject({ code: 'NOT_AUTHENTIC' })
    return undefined
  }
}

describe('AES-256-GCM against Wycheproof', () => {
  it('opens what is valid and of our sizes, and refuses everything else', () => {
    const count = { opened: 0, refused: 0 }
    for (const group of testGroups) {
      for (const vector of group.tests) {
        const shouldOpen = usual(group) && vector.result === 'valid'
        const plaintext = opened(vector)
        const expected = shouldOpen ? hex(vector, 'msg') : undefined
        expect(plaintext, `test ${vector.tcId}: ${vector.comment}`).toEqual(expected)
        count[plaintext === undefined ? 'refused' : 'opened'] += 1
      }
    }
    expect(count.opened).toBeGreaterThan(30)
    expect(count.opened + count.refused).toBe(numberOfTests)
  })

  it('seals to the same bytes as the valid vectors', () => {
    for (const group of testGroups.filter(usual)) {
      for (const vector of group.tests.filter(({ result }) => result === 'valid')) {
        const message = {
          nonce: hex(vector, 'iv'),
          plaintext: hex(vector, 'msg'),
          aad: hex(vector, 'aad'),
        }
        const box = encrypt(createSecretKey(hex(vector, 'key')), message)
        expect(box.ciphertext, `test ${vector.tcId}`).toEqual(hex(vector, 'ct'))
        expect(box.tag).toEqual(hex(vector, 'tag'))
      }
    }
  })

  it('refuses a tag that was cut short, even where its bytes are right', () => {
    const vector = testGroups
      .filter(usual)
      .flatMap(({ tests }) => tests)
      .find(({ result }) => result === 'valid')
    if (vector === undefined) throw new Error('no valid vector')
    const key = createSecretKey(hex(vector, 'key'))
    for (const length of [0, 4, 8, 12, 15]) {
      const tag = hex(vector, 'tag').subarray(0, length)
      const box = { nonce: hex(vector, 'iv'), ciphertext: hex(vector, 'ct'), tag }
      expect(() => decrypt(key, box, hex(vector, 'aad'))).toThrow()
    }
  })
})
