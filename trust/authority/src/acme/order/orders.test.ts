import { execFileSync } from 'node:child_process'
import { generateKeyPairSync, X509Certificate } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { has, temporaryFolder } from '@countersign/ground/testkit'
import { readPem, validateChain } from '@countersign/ground/x509'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type AcmeHost, startAcme } from '../testing/acme-host.ts'
import { AcmeSession, answerAll, csrFor, obtain, prove, settled } from '../testing/acme-session.ts'

/* RFC 8555, 7.4 and 7.5: from names to a certificate, and everything that is not one's own. */
let folder: ReturnType<typeof temporaryFolder>
let host: AcmeHost
let web: { close(): void }
let session: AcmeSession
let stranger: AcmeSession
beforeAll(async () => {
  folder = temporaryFolder()
  host = await startAcme({ folder: folder.path })
  session = new AcmeSession(host)
  stranger = new AcmeSession(host)
  await session.register()
  await stranger.register()
  web = await answerAll(host, [session, stranger])
})
afterAll(async () => {
  web.close()
  await host.close()
  folder[Symbol.dispose]()
})

const urn = (type: string) => `urn:ietf:params:acme:error:${type}`
const refused = (status: number, type: string) => ({ status, body: { type: urn(type) } })
const issuedFor = (name: string) => host.house.authority.issued.list({ kind: 'acme', name })

describe('an order', () => {
  it('goes from pending to a certificate that everybody can check', async () => {
    const order = await session.order('WWW.One.acme.test', 'one.acme.test', 'one.acme.test')
    expect(order).toMatchObject({ status: 201, body: { status: 'pending' } })
    // One spelling, each once.
    const names = ['one.acme.test', 'www.one.acme.test']
    expect(order.body.identifiers).toEqual(names.map((value) => ({ type: 'dns', value })))
    const [authorization] = order.body.authorizations
    const types = (await session.post(authorization)).body.challenges.map((each: any) => each.type)
    expect(types).toEqual(['dns-01', 'http-01', 'tls-alpn-01'])
    for (const each of await prove(session, order)) {
      expect(each.body).toMatchObject({ status: 'valid', challenges: [{ status: 'valid' }] })
      expect(each.body.challenges).toHaveLength(1)
    }
    const url = String(order.headers.location)
    expect((await session.post(url)).body).toMatchObject({ status: 'ready' })
    const { csr } = await csrFor(names)
    const done = await session.post(order.body.finalize, { csr })
    expect(done).toMatchObject({
      status: 200,
      headers: { location: url },
      body: { status: 'valid' },
    })
    const got = await session.post(done.body.certificate)
    expect(got.headers['content-type']).toBe('application/pem-certificate-chain')
    expect(validateChain(got.text, host.bundle, Date.now())).toMatchObject({ ok: true })
    const leaf = new X509Certificate(got.text)
    expect(leaf.subjectAltName).toBe('DNS:one.acme.test, DNS:www.one.acme.test')
    expect(leaf.validToDate.getTime() - Date.now()).toBeLessThanOrEqual(7 * 86_400_000)
  })

  it('of names that were just proven is ready at once', async () => {
    await obtain(session, 'known.acme.test')
    expect((await session.order('known.acme.test')).body.status).toBe('ready')
    expect((await stranger.order('known.acme.test')).body.status).toBe('pending')
  })

  it('for a wildcard can only be proven in the DNS', async () => {
    const order = await session.order('*.wild.acme.test')
    const [url] = order.body.authorizations
    const { body } = await session.post(url)
    expect(body).toMatchObject({ wildcard: true, identifier: { value: 'wild.acme.test' } })
    expect(body.challenges.map((each: any) => each.type)).toEqual(['dns-01'])
  })

  it('fails with a challenge that fails, and says why', async () => {
    host.dns.set('gone.acme.test', {})
    const order = await session.order('gone.acme.test')
    const [authorization] = await prove(session, order)
    expect(authorization?.body).toMatchObject({
      status: 'invalid',
      challenges: [{ type: 'http-01', status: 'invalid', error: { type: urn('dns') } }],
    })
    expect((await session.post(String(order.headers.location))).body.status).toBe('invalid')
    expect(await session.post(order.body.finalize, await csrFor(['gone.acme.test']))).toMatchObject(
      refused(403, 'orderNotReady'),
    )
  })

  it('is over with an authorization that was given up', async () => {
    const order = await session.order('given-up.acme.test')
    const [url] = order.body.authorizations
    const given = await session.post(url, { status: 'deactivated' })
    expect(given.body.status).toBe('deactivated')
    expect((await session.post(String(order.headers.location))).body.status).toBe('invalid')
  })
})

/** D05. */
describe('a name is refused', () => {
  // biome-ignore format: a table
  it.each([
    ['with a dot at the end',  'dns', 'www.acme.test.',     'rejectedIdentifier'],
    ['that is an address',     'dns', '127.0.0.1',          'rejectedIdentifier'],
    ['of type ip',             'ip',  '127.0.0.1',          'unsupportedIdentifier'],
    ['with NUL',               'dns', 'www.acme.test\0',    'rejectedIdentifier'],
    ['of a public suffix',     'dns', '*.test',             'rejectedIdentifier'],
    ['of a workload',          'dns', 'order.test.local',   'rejectedIdentifier'],
    ['of this machine',        'dns', 'localhost',          'rejectedIdentifier'],
    ['of one label',           'dns', 'intranet',           'rejectedIdentifier'],
  ])('%s', async (_, type, value, problem) => {
    const answer = await session.post('new-order', { identifiers: [{ type, value }] })
    expect(answer).toMatchObject(refused(400, problem))
  })

  it('with all others that are wrong', async () => {
    const answer = await session.order('ok.acme.test', 'a_b.acme.test', '*')
    expect(answer).toMatchObject(refused(400, 'rejectedIdentifier'))
    expect(answer.body.subproblems.map((each: any) => each.identifier.value)).toEqual([
      'a_b.acme.test',
      '*',
    ])
  })

  it('that the key of the account is not for', async () => {
    const narrow = new AcmeSession(host)
    await narrow.register(['shop.acme.test'])
    expect((await narrow.order('www.shop.acme.test')).status).toBe(201)
    expect(await narrow.order('www.acme.test')).toMatchObject(refused(400, 'rejectedIdentifier'))
  })

  it.each([
    ['no names', { identifiers: [] }],
    ['51 names', { identifiers: Array(51).fill({ type: 'dns', value: 'a.acme.test' }) }],
    ['a start in a day', { notBefore: new Date(Date.now() + 86_400_000).toISOString() }],
    ['an end in the past', { notAfter: new Date(Date.now() - 1_000).toISOString() }],
    ['an end in half a minute', { notAfter: new Date(Date.now() + 30_000).toISOString() }],
    ['an end in a year', { notAfter: new Date(Date.now() + 31_536_000_000).toISOString() }],
    ['a time that is none', { notAfter: 'tomorrow' }],
  ])('so is an order with %s', async (_, change) => {
    const identifiers = [{ type: 'dns', value: 'a.acme.test' }]
    const answer = await session.post('new-order', { identifiers, ...change })
    expect(answer).toMatchObject(refused(400, 'malformed'))
  })

  it('while an end within its life is kept', async () => {
    const notAfter = new Date(Math.ceil(Date.now() / 1_000) * 1_000 + 7_200_000)
    const identifiers = [{ type: 'dns', value: 'short.acme.test' }]
    const order = await session.post('new-order', { identifiers, notAfter: notAfter.toISOString() })
    // Who came later would ask for a certificate that has ended.
    expect(Date.parse(order.body.expires)).toBe(notAfter.getTime() - 60_000)
    await prove(session, order)
    const done = await session.post(order.body.finalize, await csrFor(['short.acme.test']))
    const { text } = await session.post(done.body.certificate)
    expect(new X509Certificate(text).validToDate.getTime()).toBeLessThanOrEqual(notAfter.getTime())
  })
})

/** D02. */
describe('what belongs to another account', () => {
  it.each(['order', 'finalize', 'authorization', 'challenge', 'certificate', 'alternate'])(
    '%s is as good as absent',
    async (what) => {
      const { order } = await obtain(session, `of-another-${what}.acme.test`)
      const [authorization] = order.body.authorizations
      const [challenge] = (await session.post(authorization)).body.challenges
      const urls: Record<string, string> = {
        ...{ order: String(order.headers.location), finalize: order.body.finalize },
        ...{ authorization, challenge: challenge.url, certificate: order.body.certificate },
        alternate: `${order.body.certificate}/1`,
      }
      const url = urls[what] ?? ''
      const payload = what === 'finalize' ? await csrFor(['x.acme.test']) : undefined
      const theirs = await stranger.post(url, payload)
      const absent = await stranger.post(
        url.replace(/(order|authz|chall|cert)\/[^/]+/, '$1/AAAA'),
        payload,
      )
      expect(theirs).toMatchObject(refused(404, 'malformed'))
      expect(theirs.body).toEqual(absent.body)
    },
  )

  it('cannot be answered for, nor given up', async () => {
    const order = await session.order('not-yours.acme.test')
    const [url] = order.body.authorizations
    const [challenge] = (await session.post(url)).body.challenges
    expect((await stranger.post(challenge.url, {})).status).toBe(404)
    expect((await stranger.post(url, { status: 'deactivated' })).status).toBe(404)
    expect((await session.post(url)).body.status).toBe('pending')
  })
})

describe('finalizing', () => {
  const ready = async (name: string) => {
    const order = await session.order(name)
    await prove(session, order)
    return order
  }

  it('too early is refused', async () => {
    const order = await session.order('early.acme.test')
    const answer = await session.post(order.body.finalize, await csrFor(['early.acme.test']))
    expect(answer).toMatchObject(refused(403, 'orderNotReady'))
    expect(issuedFor('early.acme.test')).toEqual([])
  })

  it('ten times at once makes one certificate, and no open record', async () => {
    const order = await ready('once.acme.test')
    const csr = await csrFor(['once.acme.test'])
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => session.post(order.body.finalize, csr)),
    )
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
    expect(answers.filter(({ body }) => body.type === urn('orderNotReady'))).toHaveLength(9)
    expect(issuedFor('once.acme.test')).toHaveLength(1)
    const { list } = host.house.authority.issued
    expect(list({ name: 'once.acme.test', state: 'intent' })).toEqual([])
  })

  /** D03; the order stays ready for a better request. */
  it('with a request that does not fit leaves the order as it is', async () => {
    const name = 'fit.acme.test'
    const order = await ready(name)
    const good = (await csrFor([name])).csr
    const forged = Buffer.from(good, 'base64url')
    forged[forged.length - 1] = (forged.at(-1) ?? 0) ^ 1
    const rsa1024 = generateKeyPairSync('rsa', { modulusLength: 1_024 }).privateKey
    const wrong: [string, string, string][] = [
      ['more names', (await csrFor([name, 'more.acme.test'])).csr, 'badCSR'],
      ['other names', (await csrFor(['other.acme.test'])).csr, 'badCSR'],
      ['an address', (await csrFor([name, '127.0.0.1'])).csr, 'badCSR'],
      ["the account's key", (await csrFor([name], session.key)).csr, 'badCSR'],
      ['a weak key', (await csrFor([name], rsa1024)).csr, 'badCSR'],
      ['a wrong signature', forged.toString('base64url'), 'badCSR'],
      ['nonsense', 'AAAA', 'badCSR'],
      ['no base64url', '+/=', 'malformed'],
    ]
    for (const [what, csr, type] of wrong) {
      const answer = await session.post(order.body.finalize, { csr })
      expect(answer, what).toMatchObject(refused(400, type))
    }
    const done = await session.post(order.body.finalize, { csr: good })
    expect(done.body.status).toBe('valid')
  })

  it.skipIf(!has('openssl'))(
    'with a request of openssl that wants too much is refused',
    async () => {
      const name = 'openssl.acme.test'
      const order = await ready(name)
      const [key, config] = [join(folder.path, 'openssl.key'), join(folder.path, 'openssl.cnf')]
      const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
      writeFileSync(key, privateKey.export({ format: 'pem', type: 'pkcs8' }))
      const request = (
        extensions: string,
        args: string[] = [],
        subject = `/CN=${name}`,
      ): string => {
        writeFileSync(
          config,
          `[req]\ndistinguished_name=dn\nreq_extensions=e\n[dn]\n[e]\n${extensions}\n`,
        )
        const common = ['req', '-new', '-key', key, '-config', config, '-subj', subject]
        const pem = execFileSync('openssl', [...common, ...args], { encoding: 'utf8' })
        return readPem(pem, 'CERTIFICATE REQUEST')[0]?.toString('base64url') ?? ''
      }
      const san = `subjectAltName=DNS:${name}`
      // biome-ignore format: a table
      const wrong: [string, string][] = [
      ['to be a CA',              request(`${san}\nbasicConstraints=CA:TRUE`)],
      ['keyCertSign',             request(`${san}\nkeyUsage=keyCertSign`)],
      ['code signing',            request(`${san}\nextendedKeyUsage=codeSigning`)],
      ["a workload's name",       request(`${san},URI:spiffe://test.local/service/order`)],
      ['a mail address',          request(`${san},email:a@acme.test`)],
      ['must-staple',             request(`${san}\ntlsfeature=status_request`)],
      ['another common name',     request(san, [], '/CN=other.acme.test')],
      ['a common name alone',     request('basicConstraints=CA:FALSE')],
      ['SHA-1',                   request(san, ['-sha1'])],
      ['a thousand names',        request(`${san}${Array.from({ length: 1_000 }, (_, i) => `,DNS:n${i}.acme.test`).join('')}`)],
    ]
      for (const [what, csr] of wrong) {
        const answer = await session.post(order.body.finalize, { csr })
        expect(answer, what).toMatchObject(refused(400, 'badCSR'))
      }
      const done = await session.post(order.body.finalize, { csr: request(san) })
      expect(done.body.status).toBe('valid')
    },
  )

  it('is refused for a key that was given up as compromised, for an account too', async () => {
    const { certificate, key } = await obtain(session, 'lost.acme.test')
    const holder = new AcmeSession(host, key)
    const revoked = await holder.post('revoke-cert', { certificate, reason: 1 })
    expect(revoked.status).toBe(200)
    const again = await ready('lost-again.acme.test')
    const { csr } = await csrFor(['lost-again.acme.test'], key)
    expect(await session.post(again.body.finalize, { csr })).toMatchObject(refused(400, 'badCSR'))
    expect(await holder.register()).toMatchObject(refused(400, 'badPublicKey'))
  })
})

describe('what is worked on', () => {
  it('says when to ask again', async () => {
    host.dns.set('slow.acme.test', (asked) => (asked < 2 ? { code: 2 } : { a: ['127.0.0.1'] }))
    const order = await session.order('slow.acme.test')
    const [url] = order.body.authorizations
    const { body } = await session.post(url)
    const challenge = body.challenges.find((each: any) => each.type === 'http-01')
    const begun = await session.post(challenge.url, {})
    expect(begun).toMatchObject({ status: 200, body: { status: 'processing' } })
    expect(begun.headers).toMatchObject({ 'retry-after': '1', location: challenge.url })
    expect(begun.headers.link).toContain(`<${url}>;rel="up"`)
    expect((await session.post(url)).headers['retry-after']).toBe('1')
    expect((await settled(session, url)).body.status).toBe('valid')
  })
})
