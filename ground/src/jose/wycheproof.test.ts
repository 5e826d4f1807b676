import { createPublicKey } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { JwsFault, verifyJws } from './jws.ts'
import { importKeySet, type KeySet } from './key-set.ts'
import { es256, importVerificationKey, rs256, type VerificationKey } from './verification-key.ts'

type Jwk = Record<string, unknown>
interface Vector {
  readonly tcId: number
  readonly comment: string
  readonly jws?: unknown
  readonly msg: string
  readonly sig: string
  readonly flags: readonly string[]
  readonly result: 'valid' | 'invalid' | 'acceptable'
}
interface Group {
  readonly public?: Jwk
  readonly private?: Jwk
  readonly publicKeyPem: string
  readonly tests: readonly Vector[]
}

function groupsOf(file: string): readonly Group[] {
  const text = readFileSync(new URL(`testdata/${file}_test.json`, import.meta.url), 'utf8')
  return (JSON.parse(text) as { testGroups: Group[] }).testGroups
}

/** The set that an issuer would publish: private parts of asymmetric keys are taken off, all else stays. */
function publishedKeys(group: Group): Jwk[] {
  const given = group.public ?? group.private ?? {}
  const list = Array.isArray(given.keys) ? (given.keys as Jwk[]) : [given]
  return list.map((jwk) => {
    if (jwk.kty === 'oct') return jwk
    const { d: _d, p: _p, q: _q, dp: _dp, dq: _dq, qi: _qi, ...rest } = jwk
    return rest
  })
}
function importOrNothing(keys: Jwk[]): KeySet {
  try {
    return importKeySet({ keys }).keys
  } catch {
    return new Map()
  }
}
const isOurs = (jwk: Jwk): boolean =>
  (jwk.kty === 'EC' && jwk.alg === 'ES256') || (jwk.kty === 'RSA' && jwk.alg === 'RS256')

describe.each([
  { file: 'json_web_signature', oursValid: 10 },
  { file: 'json_web_key', oursValid: 1 },
  { file: 'json_web_crypto', oursValid: 2 },
])('Wycheproof $file', ({ file, oursValid }) => {
  const tally = { acceptedFalsely: [] as number[], refusedFalsely: [] as number[], accepted: 0 }
  for (const group of groupsOf(file)) {
    const published = publishedKeys(group)
    const keys = importOrNothing(published)
    for (const { tcId, jws, result } of group.tests) {
      if (typeof jws !== 'string') continue // JWE, or JSON serialisation, which no bearer token has
      const accepted = !(verifyJws(jws, keys) instanceof JwsFault)
      if (accepted && result !== 'valid') tally.acceptedFalsely.push(tcId)
      if (accepted) tally.accepted++
      else if (result === 'valid' && published.every(isOurs)) tally.refusedFalsely.push(tcId)
    }
  }
  it('accepts nothing that is not valid', () => expect(tally.acceptedFalsely).toEqual([]))
  it('accepts every valid ES256 and RS256 token', () => {
    expect(tally.refusedFalsely).toEqual([])
    expect(tally.accepted).toBe(oursValid)
  })
})

/** EC keys take the way of a key set; some of the RSA keys have exponents that a key set must not have. */
function verifierOf({ publicKeyPem }: Group): VerificationKey['verifies'] | undefined {
  const publicKey = createPublicKey(publicKeyPem)
  if (publicKey.asymmetricKeyType === 'rsa') return rs256(publicKey)
  const key = importVerificationKey({ ...publicKey.export({ format: 'jwk' }), kid: 'any' })
  return typeof key === 'string' ? undefined : key.verifies
}

describe.each([
  { file: 'ecdsa_secp256r1_sha256_p1363', valid: 173 },
  { file: 'rsa_signature_2048_sha256', valid: 9 },
])('Wycheproof $file', ({ file, valid }) => {
  it('gives the right verdict on each raw signature', () => {
    const wrong: number[] = []
    let accepted = 0
    for (const group of groupsOf(file)) {
      const verifies = verifierOf(group)
      for (const { tcId, msg, sig, result } of group.tests) {
        const holds = verifies?.(Buffer.from(msg, 'hex'), Buffer.from(sig, 'hex')) ?? false
        if (holds) accepted++
        // "acceptable" is a signature that a strict verifier refuses
        if (holds !== (result === 'valid')) wrong.push(tcId)
      }
    }
    expect(wrong).toEqual([])
    expect(accepted).toBe(valid)
  })
})

it('refuses an ES256 signature whose r or s is not in 1..n-1, whatever the library below does', () => {
  const [group] = groupsOf('ecdsa_secp256r1_sha256_p1363')
  const verifies = es256(createPublicKey(group?.publicKeyPem ?? ''))
  const order = 'ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551'
  const one = '01'.padStart(64, '0')
  for (const sig of [`${order}${one}`, `${one}${order}`, '00'.repeat(64), 'ff'.repeat(64)])
    expect(verifies(Buffer.from('x'), Buffer.from(sig, 'hex'))).toBe(false)
})
