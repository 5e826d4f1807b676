import {
  checkPrimeSync,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  generatePrimeSync,
  type KeyObject,
  randomBytes,
} from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { findWeakness } from './find-weakness.ts'
import { readPublicKey } from './key-pair.ts'

const rsa = (modulusLength: number, publicExponent = 65_537) =>
  generateKeyPairSync('rsa', { modulusLength, publicExponent }).publicKey
const ec = (namedCurve: string) => generateKeyPairSync('ec', { namedCurve }).publicKey
const prime = (bits: number) => generatePrimeSync(bits, { bigint: true })

function rsaOf(modulus: bigint, exponent = 'AQAB'): KeyObject {
  const hex = modulus.toString(16)
  const n = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex').toString('base64url')
  return createPublicKey({ key: { kty: 'RSA', n, e: exponent }, format: 'jwk' })
}

function nextPrime(above: bigint): bigint {
  let candidate = above | 1n
  do candidate += 2n
  while (!checkPrimeSync(candidate))
  return candidate
}

/** As the broken chips make them: k*M + (65537^a mod M), M the product of the first 126 primes. */
function rocaPrime(): bigint {
  let product = 1n
  for (let n = 2n, count = 0; count < 126; n++) {
    if (!checkPrimeSync(n)) continue
    product *= n
    count++
  }
  for (;;) {
    const k = BigInt(`0x${randomBytes(7).toString('hex')}`) >> 3n
    let power = 1n
    for (let i = randomBytes(1)[0] ?? 1; i >= 0; i--) power = (power * 65_537n) % product
    const candidate = k * product + power
    if (candidate >> 1022n === 3n && checkPrimeSync(candidate)) return candidate
  }
}

function close(gap: bigint): KeyObject {
  const p = prime(1024)
  return rsaOf(p * nextPrime(p + gap))
}

// biome-ignore format: a table
const cases: [string, () => KeyObject, string | undefined][] = [
  ['P-256',                                     () => ec('prime256v1'),                       undefined],
  ['P-384',                                     () => ec('secp384r1'),                        undefined],
  ['RSA of 2048 bits',                          () => rsa(2048),                              undefined],
  ['RSA of 3072 bits',                          () => rsa(3072),                              undefined],
  ['RSA with the exponent 65539',               () => rsa(2048, 65_539),                      undefined],
  ['P-192',                                     () => ec('prime192v1'),                       'curve'],
  ['P-224',                                     () => ec('secp224r1'),                        'curve'],
  ['P-521',                                     () => ec('secp521r1'),                        'curve'],
  ['secp256k1',                                 () => ec('secp256k1'),                        'curve'],
  ['Ed25519',                                   () => generateKeyPairSync('ed25519').publicKey, 'neither of RSA'],
  ['X25519',                                    () => generateKeyPairSync('x25519').publicKey,  'neither of RSA'],
  ['RSA-PSS',                                   () => generateKeyPairSync('rsa-pss', { modulusLength: 2048 }).publicKey, 'neither of RSA'],
  ['a private key',                             () => generateKeyPairSync('ec', { namedCurve: 'prime256v1' }).privateKey, 'not a public'],
  ['RSA of 1024 bits',                          () => rsa(1024),                              '1024 bits'],
  ['RSA of 2047 bits',                          () => rsaOf(prime(1023) * prime(1024)),       'bits'],
  ['RSA of more than 8192 bits',                () => rsaOf((1n << 8199n) + 1n),              '8200 bits'],
  ['RSA with the exponent 3',                   () => rsa(2048, 3),                           'exponent'],
  ['RSA with the exponent 1',                   () => rsaOf(prime(1024) * prime(1024), 'AQ'), 'exponent'],
  ['RSA with an even exponent',                 () => rsaOf(prime(1024) * prime(1024), 'AQAC'), 'exponent'],
  ['RSA with an exponent of 32 bits',           () => rsaOf(prime(1024) * prime(1024), '_____w'), undefined],
  ['RSA with an exponent of 33 bits',           () => rsaOf(prime(1024) * prime(1024), 'AQAAAAE'), 'long exponent'],
  ['RSA with an exponent as long as its modulus', () => rsaOf(prime(1024) * prime(1024), Buffer.alloc(256, 255).toString('base64url')), 'long exponent'],
  ['RSA with the factor 3',                     () => rsaOf((1n << 2047n) + 1n),                'small factor'],
  ['RSA with the factor 751',                   () => rsaOf(751n * prime(1024) * prime(1016)),              'small factor'],
  ['RSA of a chip with ROCA',                   () => rsaOf(rocaPrime() * rocaPrime()),       'ROCA'],
  ['RSA with neighbours for factors',           () => close(2n),                              'too close'],
  ['RSA with factors that are 2^500 apart',     () => close(1n << 500n),                      'too close'],
  ['RSA with the same factor twice',            () => rsaOf(prime(1024) ** 2n),               'too close'],
]

describe('findWeakness', () => {
  it.each(cases)('%s', (_, make, expected) => {
    const found = findWeakness(make())
    if (expected === undefined) expect(found).toBeUndefined()
    else expect(found).toContain(expected)
  })

  it('finds nothing in 20 honest keys', () => {
    for (let i = 0; i < 20; i++) {
      expect(findWeakness(rsaOf(prime(1024) * prime(1024)))).toBeUndefined()
    }
  })

  it('knows keys that are taken', () => {
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
    const again = createPublicKey(
      createPrivateKey(privateKey.export({ format: 'pem', type: 'pkcs8' })),
    )
    expect(findWeakness(again, { taken: [publicKey] })).toContain('taken')
    expect(findWeakness(again, { taken: [ec('prime256v1')] })).toBeUndefined()
  })

  it('takes a few milliseconds for the longest key', () => {
    // Two primes of Mersenne.
    const key = rsaOf(((1n << 4253n) - 1n) * ((1n << 3217n) - 1n))
    // The least of some: what else the process does meanwhile is counted, too.
    const tookMs = Array.from({ length: 5 }, () => {
      const before = process.cpuUsage()
      expect(findWeakness(key)).toBeUndefined()
      const { user, system } = process.cpuUsage(before)
      return (user + system) / 1_000
    })
    expect(Math.min(...tookMs)).toBeLessThan(100)
  })
})

describe('a point that does not lie on its curve', () => {
  it.each(['prime256v1', 'secp384r1'])('of %s never becomes a key', (curve) => {
    const spki = ec(curve).export({ format: 'der', type: 'spki' })
    const last = spki.length - 1
    spki[last] = (spki[last] ?? 0) ^ 1
    expect(() => readPublicKey(spki, ['P-256', 'P-384'])).toThrow(
      expect.objectContaining({ code: 'KEY_REFUSED' }),
    )
  })

  it('not even the point at infinity', () => {
    const spki = ec('prime256v1').export({ format: 'der', type: 'spki' })
    const infinity = Buffer.concat([
      spki.subarray(0, spki.length - 67),
      Buffer.from('03020000', 'hex'),
    ])
    infinity[1] = infinity.length - 2
    expect(() => readPublicKey(infinity)).toThrow(expect.objectContaining({ code: 'KEY_REFUSED' }))
  })
})
