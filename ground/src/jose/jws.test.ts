import { createHmac, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { JwsFault, verifyJws } from './jws.ts'
import { importKeySet } from './key-set.ts'

const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const published = (key: KeyObject, kid: string) => ({ ...key.export({ format: 'jwk' }), kid })
const { keys } = importKeySet({
  keys: [published(ec.publicKey, 'ec'), published(rsa.publicKey, 'rsa')],
})

const encode = (text: string): string => Buffer.from(text).toString('base64url')
function token(header: string, payload = '{"sub":"a"}', key = ec.privateKey): string {
  const input = `${encode(header)}.${encode(payload)}`
  const how = { key, dsaEncoding: 'ieee-p1363' } as const
  return `${input}.${sign('sha256', Buffer.from(input), how).toString('base64url')}`
}
const good = token('{"alg":"ES256","kid":"ec","typ":"at+jwt"}')
const faultOf = (text: string): string | undefined => {
  const verdict = verifyJws(text, keys)
  return verdict instanceof JwsFault ? `${verdict.code}: ${verdict.text}` : undefined
}

describe('a token that was signed by a known key', () => {
  it('is accepted, with its header and payload', () => {
    const verdict = verifyJws(good, keys)
    if (verdict instanceof JwsFault) throw new Error(verdict.text)
    expect(verdict.header).toEqual({ alg: 'ES256', kid: 'ec', typ: 'at+jwt' })
    expect(verdict.payload.toString()).toBe('{"sub":"a"}')
    expect(faultOf(token('{"alg":"RS256","kid":"rsa"}', '{}', rsa.privateKey))).toBeUndefined()
  })

  it('is accepted whatever its two scalars begin with, zeros included', () => {
    const firsts = new Set<number>()
    for (let i = 0; i < 3_000; i++) {
      const text = token('{"alg":"ES256","kid":"ec"}', `{"n":${i}}`)
      const bytes = Buffer.from(text.slice(text.lastIndexOf('.') + 1), 'base64url')
      firsts.add(bytes.readUInt8(0)).add(bytes.readUInt8(32))
      if (faultOf(text) !== undefined) throw new Error(text)
    }
    expect(firsts.has(0)).toBe(true)
  })
  it('is refused where a scalar is zero or not below the order', () => {
    const [input = '', signature = ''] = [good.slice(0, good.lastIndexOf('.')), good.split('.')[2]]
    const order = Buffer.from(
      'ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551',
      'hex',
    )
    for (const scalar of [Buffer.alloc(32), order, Buffer.alloc(32, 0xff)])
      for (const at of [0, 32]) {
        const bytes = Buffer.from(signature, 'base64url')
        scalar.copy(bytes, at)
        expect(faultOf(`${input}.${bytes.toString('base64url')}`)).toMatch(/^SIGNATURE/)
      }
  })

  it('is refused after any single bit of it is flipped', () => {
    const bytes = Buffer.from(good, 'latin1')
    fc.assert(
      fc.property(fc.nat(bytes.length * 8 - 1), (bit) => {
        const flipped = Buffer.from(bytes)
        flipped.writeUInt8(flipped.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3)
        expect(faultOf(flipped.toString('latin1'))).toBeDefined()
      }),
      { numRuns: 2_000 },
    )
  })

  it('is refused in any other spelling of the same bytes', () => {
    const [header = '', payload = '', signature = ''] = good.split('.')
    const last = signature.charAt(signature.length - 1)
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
    const sibling = alphabet.charAt(alphabet.indexOf(last) + 1)
    const same = signature.slice(0, -1) + sibling
    expect(Buffer.from(same, 'base64url')).toEqual(Buffer.from(signature, 'base64url'))
    const spellings = [
      `${header}.${payload}.${same}`,
      `${good}=`,
      `${good}==`,
      ` ${good}`,
      `${good}\n`,
      `${header}.${payload}. ${signature}`,
      `${header}.${payload}.${Buffer.from(signature, 'base64url').toString('base64')}`,
      `${good}.`,
      `.${good}`,
    ]
    for (const spelling of spellings) expect(faultOf(spelling)).toMatch(/^MALFORMED/)
  })
})

describe('a header', () => {
  it.each([
    ['{"alg":"none","kid":"ec"}', "ALGORITHM: algorithm none is not the key's"],
    ['{"alg":"HS256","kid":"ec"}', "ALGORITHM: algorithm HS256 is not the key's"],
    ['{"alg":"RS256","kid":"ec"}', "ALGORITHM: algorithm RS256 is not the key's"],
    ['{"alg":"ES256","kid":"rsa"}', "ALGORITHM: algorithm ES256 is not the key's"],
    ['{"alg":"es256","kid":"ec"}', "ALGORITHM: algorithm es256 is not the key's"],
    ['{"alg":"\\u001b[31m","kid":"ec"}', "ALGORITHM: algorithm (unreadable) is not the key's"],
    ['{"alg":"ES256","kid":"other"}', 'KEY_UNKNOWN: key is not known'],
    ['{"alg":"ES256","kid":"__proto__"}', 'KEY_UNKNOWN: key is not known'],
    ['{"alg":"ES256"}', 'HEADER: header names no key'],
    ['{"alg":"ES256","kid":["ec"]}', 'HEADER: header names no key'],
    ['{"kid":"ec"}', 'HEADER: header names no algorithm'],
    ['{"alg":["ES256"],"kid":"ec"}', 'HEADER: header names no algorithm'],
    ['{"alg":"ES256","kid":"ec","typ":1}', 'HEADER: header has a type that is not a text'],
    ['{"alg":"ES256","kid":"ec","crit":[]}', 'CRITICAL: header asks for an extension'],
    ['{"alg":"ES256","kid":"ec","crit":["exp"]}', 'CRITICAL: header asks for an extension'],
    ['{"alg":"ES256","kid":"ec","b64":true}', 'CRITICAL: header asks for an extension'],
    ['{"alg":"HS256","alg":"ES256","kid":"ec"}', 'HEADER: header is not one plain JSON object'],
    ['{"alg":"ES256","kid":"x","k\\u0069d":"ec"}', 'HEADER: header is not one plain JSON object'],
    ['{"__proto__":{},"alg":"ES256","kid":"ec"}', 'HEADER: header is not one plain JSON object'],
    ['{"alg":"ES256","kid":"ec"} {}', 'HEADER: header is not one plain JSON object'],
    ['["ES256","ec"]', 'HEADER: header is not one plain JSON object'],
    ['null', 'HEADER: header is not one plain JSON object'],
    [`{"alg":"ES256","kid":"ec","x":"${'x'.repeat(1024)}"}`, 'HEADER: header too long'],
  ])('%s is refused', (header, fault) => expect(faultOf(token(header))).toBe(fault))

  it('that is not UTF-8 is refused', () => {
    const bytes = Buffer.from('{"alg":"ES256","kid":"ec","x":"\xff"}', 'latin1')
    expect(faultOf(`${bytes.toString('base64url')}.e30.AAAA`)).toMatch(/^HEADER/)
  })
  it('that brings a key of its own is checked with ours', () => {
    const own = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const jwk = JSON.stringify(own.publicKey.export({ format: 'jwk' }))
    const forged = token(
      `{"alg":"ES256","kid":"ec","jwk":${jwk},"jku":"https://evil.example/"}`,
      '{}',
      own.privateKey,
    )
    expect(faultOf(forged)).toBe('SIGNATURE: signature does not hold')
  })
  it('HS256 with the public key as the secret is refused', () => {
    const input = `${encode('{"alg":"HS256","kid":"ec"}')}.e30`
    for (const secret of [
      ec.publicKey.export({ format: 'pem', type: 'spki' }),
      ec.publicKey.export({ format: 'der', type: 'spki' }),
    ]) {
      const mac = createHmac('sha256', secret).update(input).digest('base64url')
      expect(faultOf(`${input}.${mac}`)).toMatch(/^ALGORITHM/)
    }
  })
})

it('never throws, whatever the text', () => {
  const part = fc.oneof(fc.base64String(), fc.string(), fc.json().map(encode))
  fc.assert(
    fc.property(fc.array(part, { maxLength: 4 }), (parts) => {
      expect(faultOf(parts.join('.'))).toBeDefined()
    }),
  )
  expect(faultOf('a'.repeat(10_000_000))).toBe('MALFORMED: too long')
})
