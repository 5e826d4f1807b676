import { generateKeyPairSync } from 'node:crypto'
import { temporaryFolder } from '@countersign/ground/testkit'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type AcmeHost, startAcme } from '../testing/acme-host.ts'
import {
  AcmeSession,
  type Answer,
  encode,
  type JwsParts,
  signJws,
} from '../testing/acme-session.ts'

/* RFC 8555, 7.3: accounts, what binds them to the operator, and the change of their keys. */
let folder: ReturnType<typeof temporaryFolder>
let host: AcmeHost
beforeAll(async () => {
  folder = temporaryFolder()
  host = await startAcme({ folder: folder.path })
})
afterAll(async () => {
  await host.close()
  folder[Symbol.dispose]()
})

const urn = (type: string) => `urn:ietf:params:acme:error:${type}`
const refused = (status: number, type: string) => ({ status, body: { type: urn(type) } })
const newKey = () => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey

describe('a new account', () => {
  it('is made with a key of the operator, found again by its own, and on record', async () => {
    const session = new AcmeSession(host)
    const made = await session.register(undefined, { contact: ['mailto:a@acme.test'] })
    expect(made).toMatchObject({
      status: 201,
      body: { status: 'valid', contact: ['mailto:a@acme.test'], orders: `${session.kid}/orders` },
    })
    expect(made.body.externalAccountBinding).toMatchObject({ signature: expect.any(String) })
    const { kid } = session
    session.kid = undefined
    for (const payload of [{ onlyReturnExisting: true }, {}]) {
      const found = await session.post('new-account', payload)
      expect(found).toMatchObject({ status: 200, headers: { location: kid } })
    }
    expect(host.events.find(({ action }) => action === 'acme.account.create')).toMatchObject({
      status: 'success',
      countersign: { details: { account: kid?.split('/').at(-1), contacts: 'mailto:a@acme.test' } },
    })
  })

  it('is not made where only an existing one is wanted, nor without binding', async () => {
    const session = new AcmeSession(host)
    const only = await session.post('new-account', { onlyReturnExisting: true })
    expect(only).toMatchObject(refused(400, 'accountDoesNotExist'))
    expect(await session.post('new-account', {})).toMatchObject(
      refused(403, 'externalAccountRequired'),
    )
  })

  it('is one, for several requests with one key at once', async () => {
    const session = new AcmeSession(host)
    const answers = await Promise.all(Array.from({ length: 6 }, () => register(session)))
    expect(new Set(answers.map(({ headers }) => headers.location)).size).toBe(1)
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(1)
  })

  // biome-ignore format: a table
  it.each([
    ['no mailto',          ['tel:+123'],                    'unsupportedContact'],
    ['two addresses',      ['mailto:a@b.test,c@d.test'],    'invalidContact'],
    ['header fields',      ['mailto:a@b.test?cc=x@y.test'], 'invalidContact'],
    ['no address',         ['mailto:nobody'],               'invalidContact'],
    ['a line break',       ['mailto:a@b.test\r\nx'],        'invalidContact'],
    ['too many contacts',  Array(5).fill('mailto:a@b.test'), 'invalidContact'],
    ['a contact that is no text', [7],                      'malformed'],
  ])('is refused with %s', async (_, contact, type) => {
    const session = new AcmeSession(host)
    expect(await session.register(undefined, { contact })).toMatchObject(refused(400, type))
  })
})

async function register(session: AcmeSession): Promise<Answer> {
  const { keyId, macKey } = await host.createKey()
  return await session.post('new-account', {
    externalAccountBinding: session.binding(keyId, macKey),
  })
}

/** D07. */
describe('a binding is refused', () => {
  type Make = (session: AcmeSession, keyId: string, macKey: string) => object
  // biome-ignore format: a table
  it.each<[string, Make, number, string]>([
    ['with another MAC',        (s, id) => s.binding(id, 'AAAA'),                       403, 'unauthorized'],
    ['of an unknown key',       (s, _, mac) => s.binding('A'.repeat(22), mac),          403, 'unauthorized'],
    ['for another url',         (s, id, mac) => s.binding(id, mac, { url: 'https://x/' }), 403, 'unauthorized'],
    ['with a nonce',            (s, id, mac) => s.binding(id, mac, { nonce: 'x' }),     400, 'malformed'],
    ['by jwk',                  (s, id, mac) => s.binding(id, mac, { kid: undefined, jwk: s.jwk }), 400, 'malformed'],
    ['with another algorithm',  (s, id, mac) => s.binding(id, mac, { alg: 'ES256' }),   400, 'badSignatureAlgorithm'],
    ['with none',               (s, id, mac) => s.binding(id, mac, { alg: 'none' }),    400, 'badSignatureAlgorithm'],
    ['for another account key', (s, id, mac) => s.binding(id, mac, {}, new AcmeSession(host).jwk), 400, 'malformed'],
    ['for what is no key',      (s, id, mac) => s.binding(id, mac, {}, {}),             400, 'badPublicKey'],
    ['that is empty',           () => ({}),                                             400, 'malformed'],
  ])('%s', async (_, make, status, type) => {
    const session = new AcmeSession(host)
    const { keyId, macKey } = await host.createKey()
    const externalAccountBinding = make(session, keyId, macKey)
    const answer = await session.post('new-account', { externalAccountBinding })
    expect(answer).toMatchObject(refused(status, type))
    // Nothing was used up by it.
    const right = { externalAccountBinding: session.binding(keyId, macKey) }
    expect((await session.post('new-account', right)).status).toBe(201)
  })

  it('when its key was used before, also by two at once', async () => {
    const { keyId, macKey } = await host.createKey()
    const answers = await Promise.all(
      Array.from({ length: 4 }, () => {
        const session = new AcmeSession(host)
        const externalAccountBinding = session.binding(keyId, macKey)
        return session.post('new-account', { externalAccountBinding })
      }),
    )
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 403, 403, 403])
  })
})

describe('an account', () => {
  it('changes its contacts, and says what it is', async () => {
    const session = new AcmeSession(host)
    await session.register()
    const kid = String(session.kid)
    const changed = await session.post(kid, { contact: ['mailto:b@acme.test'] })
    expect(changed).toMatchObject({ status: 200, body: { contact: ['mailto:b@acme.test'] } })
    expect((await session.post(kid, { contact: ['x'] })).status).toBe(400)
    expect((await session.post(kid)).body.contact).toEqual(['mailto:b@acme.test'])
  })

  it('is no caller any more when it has ended, whichever way it asks', async () => {
    const session = new AcmeSession(host)
    await session.register()
    const ended = await session.post(String(session.kid), { status: 'deactivated' })
    expect(ended).toMatchObject({ status: 200, body: { status: 'deactivated' } })
    expect(await session.order('a.acme.test')).toMatchObject(refused(401, 'unauthorized'))
    session.kid = undefined
    expect(await register(session)).toMatchObject(refused(401, 'unauthorized'))
  })

  it('lists its orders, page by page, and nobody else does', async () => {
    const [session, stranger] = [new AcmeSession(host), new AcmeSession(host)]
    await session.register()
    await stranger.register()
    const made = new Set<string>()
    for (let i = 0; i < 3; i++)
      made.add(String((await session.order(`${i}.acme.test`)).headers.location))
    const list = await session.post(`${session.kid}/orders`)
    expect(new Set(list.body.orders)).toEqual(made)
    expect(await stranger.post(`${session.kid}/orders`)).toMatchObject(refused(404, 'malformed'))
    const [first] = [...made].sort()
    const after = await session.post(`${session.kid}/orders/${first?.split('/').at(-1)}`)
    expect(after.body.orders).toHaveLength(2)
  })
})

describe('the change of a key', () => {
  const inner = (session: AcmeSession, key = newKey(), change: Change = (parts) => parts) => {
    const next = new AcmeSession(host, key)
    const parts = {
      protected: { alg: 'ES256', jwk: next.jwk, url: session.url('key-change') },
      payload: encode({ account: session.kid, oldKey: session.jwk }),
    }
    return signJws(change(parts), key)
  }
  type Change = (parts: JwsParts) => JwsParts
  const made = async (): Promise<AcmeSession> => {
    const session = new AcmeSession(host)
    await session.register()
    return session
  }

  it('leaves the account, and ends the old key', async () => {
    const session = await made()
    const key = newKey()
    const answer = await session.post('key-change', inner(session, key))
    expect(answer).toMatchObject({ status: 200, headers: { location: session.kid } })
    expect(await session.order('a.acme.test')).toMatchObject(refused(401, 'unauthorized'))
    session.key = key
    expect((await session.order('a.acme.test')).status).toBe(201)
  })

  it('to the key of another account is refused, and names it', async () => {
    const [session, other] = [await made(), await made()]
    const answer = await session.post('key-change', inner(session, other.key))
    expect(answer).toMatchObject({ status: 409, headers: { location: other.kid } })
    const same = await session.post('key-change', inner(session, session.key))
    expect(same).toMatchObject(refused(400, 'malformed'))
  })

  it('happens once, for two at once', async () => {
    const session = await made()
    const sent = [newKey(), newKey()].map((key) => session.post('key-change', inner(session, key)))
    const statuses = (await Promise.all(sent)).map(({ status }) => status)
    expect(statuses.sort()).toEqual([200, 401])
  })

  const withHeader =
    (change: object): Change =>
    (parts) => ({
      ...parts,
      protected: { ...parts.protected, ...change },
    })
  const withPayload =
    (change: (session: AcmeSession) => object) =>
    (session: AcmeSession): Change =>
    (parts) => ({
      ...parts,
      payload: encode({ account: session.kid, oldKey: session.jwk, ...change(session) }),
    })
  // biome-ignore format: a table
  it.each<[string, (session: AcmeSession) => Change, number, string]>([
    ['with a nonce inside',     () => withHeader({ nonce: 'x' }),                         400, 'malformed'],
    ['for another url',         () => withHeader({ url: 'https://x/' }),                  400, 'malformed'],
    ['signed by another key',   () => withHeader({ jwk: new AcmeSession(host).jwk }),     401, 'unauthorized'],
    ['by kid',                  (s) => withHeader({ jwk: undefined, kid: s.kid }),        400, 'malformed'],
    ['with another algorithm',  () => withHeader({ alg: 'RS256' }),                       400, 'badSignatureAlgorithm'],
    ['of another account',      withPayload(() => ({ account: 'https://x/' })),           400, 'malformed'],
    ['without the old key',     withPayload(() => ({ oldKey: undefined })),               400, 'malformed'],
    ['with another old key',    withPayload(() => ({ oldKey: new AcmeSession(host).jwk })), 400, 'malformed'],
  ])('%s is refused', async (_, change, status, type) => {
    const session = await made()
    const answer = await session.post('key-change', inner(session, newKey(), change(session)))
    expect(answer).toMatchObject(refused(status, type))
    expect((await session.post(String(session.kid))).status).toBe(200)
  })
})
