import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { importKeySet } from './key-set.ts'

const p256 = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' })
const small = generateKeyPairSync('rsa', { modulusLength: 1024 })
const odd = generateKeyPairSync('rsa', { modulusLength: 2048, publicExponent: 3 })
const jwk = (key: KeyObject, members: object = {}) => ({
  ...key.export({ format: 'jwk' }),
  kid: 'a',
  ...members,
})
const good = jwk(p256.publicKey, { kid: 'good', use: 'sig', alg: 'ES256' })

describe('a key set', () => {
  it('gives its keys by kid', () => {
    expect([...importKeySet({ keys: [good] }).keys.keys()]).toEqual(['good'])
  })
  it.each([
    ['no kid', jwk(p256.publicKey, { kid: undefined }), 'a key without kid has no kid'],
    ['an empty kid', jwk(p256.publicKey, { kid: '' }), '"" has no kid'],
    ['use enc', jwk(p256.publicKey, { use: 'enc' }), '"a" is not for signatures (use)'],
    ['key_ops sign', jwk(p256.publicKey, { key_ops: ['sign'] }), 'is not for verifying (key_ops)'],
    ['another alg', jwk(p256.publicKey, { alg: 'ES384' }), 'is for another algorithm (alg)'],
    ['another curve', jwk(p384.publicKey), 'is not on the curve P-256'],
    ['another kind', { kty: 'OKP', crv: 'X25519', x: 'AA', kid: 'a' }, 'is of a kind (kty)'],
    ['a point off the curve', jwk(p256.publicKey, { x: 'A'.repeat(43) }), 'is not a point'],
    ['a padded coordinate', jwk(p256.publicKey, { x: 'AAAA' }), 'that are not 32 bytes'],
    ['1024 bits', jwk(small.publicKey), 'has 1024 bits'],
    ['exponent 3', jwk(odd.publicKey), 'has a weak exponent'],
    ['exponent 1', jwk(odd.publicKey, { e: 'AQ' }), 'has a weak exponent'],
    ['an even exponent', jwk(odd.publicKey, { e: 'AQAA' }), 'has a weak exponent'],
    ['no modulus', { kty: 'RSA', kid: 'a', e: 'AQAB' }, 'has no modulus and exponent'],
  ])('leaves out a key with %s and says why', (_what, key, why) => {
    const { keys, leftOut } = importKeySet({ keys: [key, good] })
    expect([...keys.keys()]).toEqual(['good'])
    expect(leftOut).toHaveLength(1)
    expect(leftOut[0]).toContain(why)
  })
  it.each([
    ['is not an object', [good], 'holds no keys'],
    ['is null', null, 'holds no keys'],
    ['is empty', { keys: [] }, 'holds no keys'],
    ['has too many keys', { keys: Array(65).fill(good) }, 'holds more than 64 keys'],
    ['has one kid twice', { keys: [good, good] }, 'holds two keys with one kid'],
    ['has a private key', { keys: [jwk(p256.privateKey), good] }, 'holds a secret'],
    ['has a shared key', { keys: [{ kty: 'oct', k: 'AA', kid: 'b' }, good] }, 'holds a secret'],
    ['has no usable key', { keys: [jwk(small.publicKey)] }, 'holds no key for signatures'],
    ['has a null among its keys', { keys: [null, good] }, 'holds something that is not a key'],
  ])('that %s is refused as a whole', (_what, set, why) => {
    expect(() => importKeySet(set)).toThrow(why)
  })
})
