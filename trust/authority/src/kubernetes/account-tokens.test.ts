import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:https'
import { join } from 'node:path'
import { workloadId } from '@countersign/contract'
import { temporaryFolder } from '@countersign/ground/testkit'
import { createServerCertificate, generateKeyPair } from '@countersign/ground/x509'
import { joinTrustDomain } from '@countersign/service'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Host, startHost } from '../testing/authority-host.ts'
import { createPki, type Pki, silent, TRUST_DOMAIN } from '../testing/test-pki.ts'
import { AccountTokens } from './account-tokens.ts'
import { keysFrom } from './fetch-keys.ts'

const ISSUER = 'https://kubernetes.default.svc.cluster.local'
const AUDIENCE = 'countersign'
const accounts = new Map([
  ['shop/order', 'order'],
  ['shop/payment', 'payment'],
])
const rsa = generateKeyPairSync('rsa', { modulusLength: 2_048 })
const ec = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
const strange = generateKeyPairSync('rsa', { modulusLength: 2_048 })
const jwk = (key: KeyObject, kid: string) => ({ ...key.export({ format: 'jwk' }), kid, use: 'sig' })
const keySet = { keys: [jwk(rsa.publicKey, 'rsa'), jwk(ec.publicKey, 'ec')] }

let temporary: ReturnType<typeof temporaryFolder>
let now = 0
let closing: (() => unknown)[]
beforeEach(() => {
  temporary = temporaryFolder()
  now = Date.now()
  closing = []
})
afterEach(async () => {
  for (const close of closing.reverse()) await close()
  temporary[Symbol.dispose]()
})

const base64url = (value: unknown): string =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')
interface Token {
  readonly header?: object
  readonly claims?: object
  readonly key?: KeyObject
}
/** A token as a cluster makes it, but for what is changed. */
function token({ header = {}, claims = {}, key = rsa.privateKey }: Token = {}): string {
  const isEc = key.asymmetricKeyType === 'ec'
  const head = { alg: isEc ? 'ES256' : 'RS256', kid: isEc ? 'ec' : 'rsa', ...header }
  const seconds = Math.floor(now / 1_000)
  const body = {
    ...{ iss: ISSUER, aud: [AUDIENCE], sub: 'system:serviceaccount:shop:order' },
    ...{ iat: seconds, nbf: seconds, exp: seconds + 600, jti: `id-${Math.random()}` },
    'kubernetes.io': {
      ...{ namespace: 'shop', serviceaccount: { name: 'order', uid: '1' } },
      pod: { name: 'order-1', uid: '2' },
    },
    ...claims,
  }
  const input = `${base64url(head)}.${base64url(body)}`
  const how = isEc ? ({ key, dsaEncoding: 'ieee-p1363' } as const) : key
  return `${input}.${sign('sha256', Buffer.from(input), how).toString('base64url')}`
}
function verifier(changes: Partial<ConstructorParameters<typeof AccountTokens>[0]> = {}) {
  const tokens = new AccountTokens({
    ...{ issuer: ISSUER, audience: AUDIENCE, accounts, log: silent, now: () => now },
    fetchKeys: async () => keySet,
    ...changes,
  })
  closing.push(() => tokens.close())
  return tokens
}
const seconds = () => Math.floor(now / 1_000)

// biome-ignore format: a table
const refusals: [string, () => string, RegExp][] = [
  ['of another issuer',          () => token({ claims: { iss: `${ISSUER}/` } }),                       /another issuer/],
  ['for another audience',       () => token({ claims: { aud: ['https://kubernetes.default.svc'] } }), /another audience/],
  ['for no audience',            () => token({ claims: { aud: undefined } }),                          /aud is not/],
  ['that has expired',           () => token({ claims: { exp: seconds() } }),                          /expired/],
  ['that never expires',         () => token({ claims: { exp: undefined } }),                          /exp is not/],
  ['with an end that is a text', () => token({ claims: { exp: '9999999999' } }),                       /exp is not/],
  ['from the future',            () => token({ claims: { iat: seconds() + 120 } }),                    /in the future/],
  ['without a start',            () => token({ claims: { iat: undefined } }),                          /iat is not/],
  ['that is not valid yet',      () => token({ claims: { nbf: seconds() + 120 } }),                    /not valid yet/],
  ['of a person',                () => token({ claims: { sub: 'alice' } }),                            /not a service account/],
  ['of a node',                  () => token({ claims: { sub: 'system:node:shop:order' } }),           /not a service account/],
  ['with a part too many',       () => token({ claims: { sub: 'system:serviceaccount:shop:order:x' } }), /not a service account/],
  ['that says two accounts',     () => token({ claims: { sub: 'system:serviceaccount:shop:payment' } }), /different accounts/],
  ['of an account of nobody',    () => token({ claims: { sub: 'system:serviceaccount:shop:other', 'kubernetes.io': undefined } }), /no workload/],
  ['of a like-named account',    () => token({ claims: { sub: 'system:serviceaccount:evil:order', 'kubernetes.io': undefined } }), /no workload/],
  ['of another type',            () => token({ header: { typ: 'at+jwt' } }),                           /another type/],
  ['without signature',          () => `${token().split('.').slice(0, 2).join('.')}.`,                 /not base64url/],
  ['with alg none',              () => token({ header: { alg: 'none' } }),                             /algorithm/],
  ['with alg HS256',             () => token({ header: { alg: 'HS256' } }),                            /algorithm/],
  ['signed by a stranger',       () => token({ key: strange.privateKey }),                             /signature/],
  ['with a key of its own',      () => token({ key: strange.privateKey, header: { kid: 'own', jwk: jwk(strange.publicKey, 'own') } }), /not known/],
  ['that asks for an extension', () => token({ header: { crit: ['b64'], b64: false } }),               /extension/],
  ['that is none',               () => 'x',                                                            /three parts/],
]

describe('a service-account token', () => {
  it('stands for the workload of its account, signed with RSA or P-256', async () => {
    for (const key of [rsa.privateKey, ec.privateKey]) {
      const known = await verifier().verify(token({ key }))
      expect(known).toMatchObject({ name: 'order', expiresAt: (seconds() + 600) * 1_000 })
    }
  })

  it.each(refusals)('%s is refused', async (_, make, why) => {
    await expect(verifier().verify(make())).rejects.toMatchObject({
      ...{ code: 'TOKEN_REFUSED', message: expect.stringMatching(why) },
    })
  })

  it('is known again by its id, or by all that is signed where it has none', async () => {
    const tokens = verifier()
    const hashOf = async (text: string) => (await tokens.verify(text)).hash
    const claims = { jti: 'one' }
    expect(await hashOf(token({ claims }))).toBe(
      await hashOf(token({ claims, key: ec.privateKey })),
    )
    const none = { claims: { jti: undefined }, key: ec.privateKey }
    // Two signatures of the same: ECDSA never signs twice in one way.
    const [one, two] = [token(none), token(none)]
    expect(one).not.toBe(two)
    expect(await hashOf(one)).toBe(await hashOf(two))
  })

  it('cannot be checked without keys, and can when they are back', async () => {
    let away = true
    const fetchKeys = async () => {
      if (away) throw new Error('away')
      return keySet
    }
    const tokens = verifier({ fetchKeys })
    await expect(tokens.verify(token())).rejects.toMatchObject({ code: 'KEYS_UNAVAILABLE' })
    away = false
    now += 10_000
    await expect(tokens.verify(token())).resolves.toMatchObject({ name: 'order' })
  })

  it('of a key that is new to the cluster is looked up, and not for each again', async () => {
    let fetched = 0
    const fetchKeys = async () => ({ keys: fetched++ === 0 ? keySet.keys.slice(1) : keySet.keys })
    const tokens = verifier({ fetchKeys })
    await tokens.verify(token({ key: ec.privateKey }))
    expect(fetched).toBe(1)
    await expect(tokens.verify(token())).resolves.toMatchObject({ name: 'order' })
    expect(fetched).toBe(2)
    const unknown = () => tokens.verify(token({ header: { kid: 'other' } }))
    await expect(unknown()).rejects.toMatchObject({ code: 'TOKEN_REFUSED' })
    await expect(unknown()).rejects.toMatchObject({ code: 'TOKEN_REFUSED' })
    expect(fetched).toBe(2)
  })
})

describe('the keys of a cluster', () => {
  it('come from a file, or over https from whom the CA knows; answers are bounded', async () => {
    const file = join(temporary.path, 'jwks.json')
    writeFileSync(file, JSON.stringify(keySet))
    expect(await keysFrom(file)()).toEqual(keySet)
    const pki = await createPki(temporary.path)
    let answer: { status: number; body: string } = { status: 200, body: JSON.stringify(keySet) }
    const url = await serve(pki, () => answer)
    expect(await keysFrom(url, pki.root)()).toEqual(keySet)
    await expect(keysFrom(url)()).rejects.toThrow(/certificate/)
    answer = { status: 302, body: '' }
    await expect(keysFrom(url, pki.root)()).rejects.toThrow(/302/)
    answer = { status: 200, body: ' '.repeat(300_000) }
    await expect(keysFrom(url, pki.root)()).rejects.toThrow(/too much/)
    writeFileSync(file, ' '.repeat(300_000))
    await expect(keysFrom(file)()).rejects.toThrow(/too long/)
  })
})

describe('a workload in Kubernetes', () => {
  it('joins with the token of its service account, once with each, at any of the authorities', async () => {
    const pki = await createPki(temporary.path)
    const first = await host(pki, 'authority-1')
    const second = await host(pki, 'authority-2', [first.mesh.port])
    const folder = join(temporary.path, 'token')
    mkdirSync(folder)
    const file = join(folder, 'token')
    const used = token()
    writeFileSync(file, `${used}\n`)
    const identity = await joinWith(file, second, pki)
    expect(identity.id).toBe(workloadId(TRUST_DOMAIN, 'order'))
    for (const at of [first, second]) {
      await expect(joinWith(file, at, pki)).rejects.toMatchObject({
        ...{ code: 'JOIN_REFUSED', message: expect.stringMatching(/401 TOKEN_INVALID/) },
      })
      expect(at.events.at(-1)).toMatchObject({
        ...{ action: 'certificate.refuse', event: { reason: expect.stringMatching(/SPENT/) } },
      })
    }
    writeFileSync(file, token())
    expect((await joinWith(file, first, pki)).id).toBe(identity.id)
    expect(JSON.stringify([...first.events, ...second.events])).not.toContain(used)
  })

  it('is refused where no cluster is trusted, or for a name that its account is not', async () => {
    const pki = await createPki(temporary.path)
    const file = join(temporary.path, 'token')
    writeFileSync(file, token())
    const trusting = await host(pki, 'authority-1')
    const other = joinWith(file, trusting, pki, 'payment')
    await expect(other).rejects.toMatchObject({
      message: expect.stringMatching(/400 BODY_INVALID/),
    })
    const plain = await startHost({ pki, instance: 'authority-2' })
    closing.push(plain.close)
    await expect(joinWith(file, plain, pki)).rejects.toMatchObject({ code: 'JOIN_REFUSED' })
    expect(plain.events.at(-1)?.event.reason).toMatch(/not taken here/)
  })

  it('waits for its token to be there', async () => {
    const pki = await createPki(temporary.path)
    const file = join(temporary.path, 'token')
    const at = await host(pki, 'authority-1')
    const joining = joinWith(file, at, pki)
    setTimeout(() => writeFileSync(file, token()), 300)
    expect((await joining).id).toBe(workloadId(TRUST_DOMAIN, 'order'))
  })

  async function host(pki: Pki, instance: string, peers: number[] = []): Promise<Host> {
    const accountTokens = verifier({ now: Date.now })
    const started = await startHost({ pki, instance, peers, accounts: accountTokens })
    closing.push(started.close)
    return started
  }
  async function joinWith(file: string, at: Host, pki: Pki, name = 'order') {
    const renew = () => Promise.reject(new Error('away'))
    const identity = await joinTrustDomain({
      ...{ name, trustDomain: TRUST_DOMAIN, doors: [at.door], bundle: pki.root, renew },
      ...{ serviceAccountTokenFile: file, log: silent, waitMsMax: 30_000 },
    })
    closing.push(() => identity.close())
    return identity
  }
})

async function serve(pki: Pki, answer: () => { status: number; body: string }): Promise<string> {
  const { publicKey, privateKey } = await generateKeyPair()
  const signer = pki.signersOf('authority-1').active()
  const span = { notBefore: Date.now() - 60_000, notAfter: Date.now() + 60_000 }
  const leaf = createServerCertificate({
    ...{ issuer: signer, names: ['127.0.0.1'], publicKey, span },
  })
  const key = privateKey.export({ format: 'pem', type: 'pkcs8' })
  const server: Server = createServer({ cert: leaf + signer.certificate, key }, (_, response) => {
    const { status, body } = answer()
    response.writeHead(status, { location: 'https://127.0.0.1/' }).end(body)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  closing.push(() => server.closeAllConnections())
  closing.push(() => server.close())
  const { port } = server.address() as { port: number }
  return `https://127.0.0.1:${port}/openid/v1/jwks`
}
