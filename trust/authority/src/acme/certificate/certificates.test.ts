import { execFileSync } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { has, temporaryFolder } from '@countersign/ground/testkit'
import { crossSign, readCertificate, readPem } from '@countersign/ground/x509'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { plantTree, type Tree } from '../../testing/status-house.ts'
import { type AcmeHost, startAcme } from '../testing/acme-host.ts'
import { AcmeSession, answerAll, obtain, type Obtained, send } from '../testing/acme-session.ts'
import { writeCertificateId } from './certificate-id.ts'

/* RFC 8555, 7.4.2 and 7.6, and RFC 9773: what becomes of a certificate once it is there. */
let folder: ReturnType<typeof temporaryFolder>
let tree: Tree
let host: AcmeHost
let web: { close(): void }
let session: AcmeSession
let stranger: AcmeSession
let cross: string | undefined
let state: 'active' | 'old' = 'active'
beforeAll(async () => {
  folder = temporaryFolder()
  tree = await plantTree('authority-1')
  host = await startAcme({ folder: folder.path, tree, ports: { trust } })
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
beforeEach(() => {
  cross = undefined
  state = 'active'
})

/** The tree's, as if its root or its intermediate were being rotated. */
function trust() {
  const { roots, authorities } = tree.state()
  const [root] = roots.entries
  if (root === undefined) throw new Error('no root')
  const entries = [cross === undefined ? root : { ...root, cross }]
  const own = authorities['authority-1']?.entries.map((entry) => ({ ...entry, state })) ?? []
  return {
    roots: { version: 1, entries },
    authorities: { 'authority-1': { version: 1, entries: own } },
  }
}

const urn = (type: string) => `urn:ietf:params:acme:error:${type}`
const refused = (status: number, type: string) => ({ status, body: { type: urn(type) } })
const idOf = ({ certificate }: Obtained): string => {
  const { authorityKeyId: issuer = '', serial } = readCertificate(
    Buffer.from(certificate, 'base64url'),
  )
  return writeCertificateId({ issuer, serial })
}
const info = (id: string) => send(host, { method: 'GET', url: session.url(`renewal-info/${id}`) })

describe('a certificate', () => {
  it('comes with its intermediate, and with the root behind it where that is wanted', async () => {
    const { order, chain } = await obtain(session, 'chain.acme.test')
    const { certificate } = order.body
    const first = await session.post(certificate)
    const links = [`<${host.directory}>;rel="index"`, `<${certificate}/1>;rel="alternate"`]
    expect(first.headers.link).toBe(links.join(', '))
    expect(readPem(chain, 'CERTIFICATE')).toHaveLength(2)
    const alternate = await session.post(`${certificate}/1`)
    expect(alternate.text).toBe(chain + host.bundle)
    expect((await session.post(`${certificate}/2`)).status).toBe(404)
    expect((await session.post(certificate, {})).status).toBe(400)
  })

  it.skipIf(!has('openssl'))('passes openssl, over a root that was there before too', async () => {
    const { order } = await obtain(session, 'strict.acme.test')
    const before = await plantTree('authority-1')
    const span = { notBefore: Date.now() - 60_000, notAfter: Date.now() + 86_400_000 }
    cross = crossSign({ issuer: before.root, certificate: host.bundle, span })
    const { text } = await session.post(`${order.body.certificate}/1`)
    const at = (name: string, pem: string) => {
      writeFileSync(join(folder.path, name), pem)
      return join(folder.path, name)
    }
    const verify = (root: string, chain: string) =>
      execFileSync('openssl', [
        ...['verify', '-x509_strict', '-purpose', 'sslserver', '-trusted', at('root.pem', root)],
        ...['-untrusted', at('chain.pem', chain), at('leaf.pem', chain)],
      ]).toString()
    expect(verify(before.bundle, text)).toContain('OK')
    const { text: usual } = await session.post(order.body.certificate)
    expect(verify(host.bundle, usual)).toContain('OK')
  })

  it('for a name that another account has one for is told of', async () => {
    await obtain(session, 'shared.acme.test')
    await obtain(stranger, 'shared.acme.test')
    const alerts = host.events.filter(({ action }) => action === 'acme.unexpected')
    expect(alerts).toMatchObject([
      {
        countersign: {
          details: {
            names: 'shared.acme.test',
            holder: session.kid?.split('/').at(-1),
            account: stranger.kid?.split('/').at(-1),
          },
        },
      },
    ])
  })
})

/** D08. */
describe('revocation', () => {
  const isRevoked = ({ certificate }: Obtained): boolean => {
    const { serial } = readCertificate(Buffer.from(certificate, 'base64url'))
    return host.house.revocations.has({ serial })
  }

  it('by the account that holds it, once', async () => {
    const made = await obtain(session, 'mine.acme.test')
    const { certificate } = made
    expect((await session.post('revoke-cert', { certificate, reason: 4 })).status).toBe(200)
    expect(isRevoked(made)).toBe(true)
    expect(await session.post('revoke-cert', { certificate })).toMatchObject(
      refused(400, 'alreadyRevoked'),
    )
  })

  it('by its own key, and by nobody else’s', async () => {
    const made = await obtain(session, 'by-key.acme.test')
    const { certificate, key } = made
    const other = new AcmeSession(host)
    expect(await other.post('revoke-cert', { certificate })).toMatchObject(
      refused(403, 'unauthorized'),
    )
    expect(isRevoked(made)).toBe(false)
    const holder = new AcmeSession(host, key)
    expect((await holder.post('revoke-cert', { certificate })).status).toBe(200)
    expect(isRevoked(made)).toBe(true)
  })

  it('by an account that has proven all of its names, and not before', async () => {
    const names = ['a.taken.acme.test', 'b.taken.acme.test']
    const made = await obtain(session, ...names)
    const { certificate } = made
    await obtain(stranger, 'a.taken.acme.test')
    expect(await stranger.post('revoke-cert', { certificate })).toMatchObject(
      refused(403, 'unauthorized'),
    )
    await obtain(stranger, 'b.taken.acme.test')
    expect((await stranger.post('revoke-cert', { certificate })).status).toBe(200)
    expect(isRevoked(made)).toBe(true)
  })

  it('is refused for what is none of ours, and for reasons that nobody may give', async () => {
    const made = await obtain(session, 'reasons.acme.test')
    const { certificate } = made
    for (const reason of [2, 6, 7, 8, 10, 11, -1])
      expect(await session.post('revoke-cert', { certificate, reason })).toMatchObject(
        refused(400, 'badRevocationReason'),
      )
    const changed = Buffer.from(certificate, 'base64url')
    changed[changed.length - 1] = (changed.at(-1) ?? 0) ^ 1
    const root = new X509Certificate(host.bundle).raw.toString('base64url')
    for (const foreign of [root, changed.toString('base64url')])
      expect((await session.post('revoke-cert', { certificate: foreign })).status).toBe(404)
    for (const nonsense of ['AAAA', '+/'])
      expect(await session.post('revoke-cert', { certificate: nonsense })).toMatchObject(
        refused(400, 'malformed'),
      )
    expect(isRevoked(made)).toBe(false)
  })
})

describe('renewal info', () => {
  it('is the last third of a life, for everybody who knows the id', async () => {
    const made = await obtain(session, 'renew.acme.test')
    const { notBefore, notAfter } = readCertificate(Buffer.from(made.certificate, 'base64url'))
    const { status, headers, body } = await info(idOf(made))
    expect(status).toBe(200)
    expect(Number(headers['retry-after'])).toBe(6 * 3_600)
    const { start, end } = body.suggestedWindow
    const life = notAfter - notBefore
    expect(Math.abs(Date.parse(start) - (notAfter - life / 3))).toBeLessThan(1_000)
    expect(Date.parse(end)).toBeGreaterThan(Date.parse(start))
    expect(Date.parse(end)).toBeLessThan(notAfter)
  })

  it('is at once where the certificate is revoked, or its issuer signs no more', async () => {
    const made = await obtain(session, 'at-once.acme.test')
    const isPast = async () => {
      const { start, end } = (await info(idOf(made))).body.suggestedWindow
      return Date.parse(start) < Date.parse(end) && Date.parse(end) < Date.now()
    }
    expect(await isPast()).toBe(false)
    state = 'old'
    expect(await isPast()).toBe(true)
    state = 'active'
    await session.post('revoke-cert', { certificate: made.certificate })
    expect(await isPast()).toBe(true)
  })

  it('is of nothing that is not known', async () => {
    const id = idOf(await obtain(session, 'unknown.acme.test'))
    const [issuer, serial] = id.split('.')
    for (const wrong of [`AAAA.${serial}`, `${issuer}.AAAA`, `${issuer}`, `${id}.x`, `${id}=`])
      expect((await info(wrong)).status).toBe(404)
  })
})

describe('an order that replaces a certificate', () => {
  const replacing = (who: AcmeSession, replaces: string, name: string) =>
    who.post('new-order', { identifiers: [{ type: 'dns', value: name }], replaces })

  it('says so, and only one does', async () => {
    const id = idOf(await obtain(session, 'old.acme.test'))
    const order = await replacing(session, id, 'old.acme.test')
    expect(order).toMatchObject({ status: 201, body: { replaces: id } })
    const again = await replacing(session, id, 'old.acme.test')
    expect(again).toMatchObject(refused(409, 'alreadyReplaced'))
  })

  it('is refused for one of another account, for other names, and for none', async () => {
    const id = idOf(await obtain(session, 'theirs.acme.test'))
    expect(await replacing(stranger, id, 'theirs.acme.test')).toMatchObject(
      refused(403, 'unauthorized'),
    )
    expect(await replacing(session, id, 'else.acme.test')).toMatchObject(refused(400, 'malformed'))
    expect(await replacing(session, 'AAAA.AAAA', 'theirs.acme.test')).toMatchObject(
      refused(400, 'malformed'),
    )
  })
})
