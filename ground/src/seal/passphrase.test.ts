import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { temporaryFolder } from '../testkit/index.ts'
import {
  kdfSchema,
  keyOfPassphrase,
  newKdf,
  openWithPassphrase,
  type PassphraseBox,
  passphraseBoxSchema,
  readPassphraseFile,
  sealWithPassphrase,
} from './passphrase.ts'

const PASSPHRASE = 'correct horse battery staple'
const failing = (act: () => unknown): { code?: string } => {
  try {
    act()
  } catch (error) {
    expect(inspect(error)).not.toContain(PASSPHRASE)
    return error as { code?: string }
  }
  throw new Error('nothing was thrown')
}

describe('a box under a passphrase', () => {
  const plaintext = Buffer.from('a signing key')
  const box = sealWithPassphrase(PASSPHRASE, plaintext, 'place')

  it('gives back what was put in, also after a way through a file', () => {
    const read = passphraseBoxSchema.parse(JSON.parse(JSON.stringify(box)))
    expect(openWithPassphrase(PASSPHRASE, read, 'place')).toEqual(plaintext)
  })

  it('is made with the second option of RFC 9106, section 4, and a salt of its own', () => {
    expect(box.kdf).toMatchObject({ algorithm: 'argon2id', memoryKib: 65_536, passes: 3, lanes: 4 })
    expect(Buffer.from(box.kdf.salt, 'base64url')).toHaveLength(16)
    expect(newKdf().salt).not.toBe(newKdf().salt)
  })

  it('tells a wrong passphrase from a box that was changed or moved', () => {
    const open = (passphrase: string, wanted: PassphraseBox, aad: string) =>
      failing(() => openWithPassphrase(passphrase, wanted, aad)).code
    expect(open(`${PASSPHRASE}.`, box, 'place')).toBe('PASSPHRASE_WRONG')
    expect(open('', box, 'place')).toBe('PASSPHRASE_WRONG')
    expect(open(PASSPHRASE, { ...box, kdf: newKdf() }, 'place')).toBe('PASSPHRASE_WRONG')
    expect(open(PASSPHRASE, box, 'elsewhere')).toBe('NOT_AUTHENTIC')
    const at = box.sealed.length - 4
    const other = box.sealed[at] === 'A' ? 'B' : 'A'
    const changed = box.sealed.slice(0, at) + other + box.sealed.slice(at + 1)
    expect(open(PASSPHRASE, { ...box, sealed: changed }, 'place')).toBe('NOT_AUTHENTIC')
  })

  it('takes one passphrase however it is composed', () => {
    const [composed, apart] = ['naïve passphrase', 'nai\u0308ve passphrase']
    const open = openWithPassphrase(apart, sealWithPassphrase(composed, plaintext, ''), '')
    expect(open).toEqual(plaintext)
  })

  it.each([
    ['far too much memory', { memoryKib: 1_048_577 }],
    ['hardly any memory', { memoryKib: 8 }],
    ['very many passes', { passes: 17 }],
    ['no pass', { passes: 0 }],
    ['many lanes', { lanes: 17 }],
    ['another algorithm', { algorithm: 'argon2i' }],
    ['a short salt', { salt: 'AAAA' }],
    ['something we do not know', { secret: 'x' }],
  ])('is not opened where it asks for %s', (_, change) => {
    expect(kdfSchema.safeParse({ ...box.kdf, ...change }).success).toBe(false)
  })

  it('is not made under a passphrase that is soon guessed', () => {
    const short = failing(() => sealWithPassphrase('elevenchars', plaintext, ''))
    expect(short).toMatchObject({ code: 'KEY_FILE', message: expect.stringContaining('12') })
    expect(inspect(short)).not.toContain('elevenchars')
    expect(failing(() => sealWithPassphrase('x'.repeat(1_025), plaintext, '')).code).toBe(
      'KEY_FILE',
    )
  })
})

describe('argon2id', () => {
  // RFC 9106 has no vector without secret and associated data; this one is of the reference implementation's test.c.
  it('is that of the reference implementation', () => {
    const key = keyOfPassphrase('password', {
      algorithm: 'argon2id',
      memoryKib: 65_536,
      passes: 2,
      lanes: 1,
      salt: Buffer.from('somesalt').toString('base64url'),
    })
    expect(key.export().toString('hex')).toBe(
      '09316115d5cf24ed5a15a31a3ba326e5cf32edc24702987c02b6566f61913cf7',
    )
  })
})

describe('a passphrase file', () => {
  it('is read without its line end, and refused where others may read it', () => {
    using folder = temporaryFolder()
    const path = join(folder.path, 'passphrase')
    writeFileSync(path, `${PASSPHRASE}\n`, { mode: 0o600 })
    expect(readPassphraseFile(path)).toBe(PASSPHRASE)
    chmodSync(path, 0o640)
    expect(failing(() => readPassphraseFile(path))).toMatchObject({
      code: 'KEY_FILE',
      message: expect.stringContaining(`chmod 600 ${path}`),
    })
    chmodSync(path, 0o600)
    writeFileSync(path, 'short\n')
    expect(failing(() => readPassphraseFile(path)).code).toBe('KEY_FILE')
    expect(failing(() => readPassphraseFile(`${path}.no`)).code).toBe('KEY_FILE')
  })
})
