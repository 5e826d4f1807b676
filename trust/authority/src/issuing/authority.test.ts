import { createSecretKey, randomBytes, X509Certificate } from 'node:crypto'
import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { workloadId } from '@countersign/contract'
import { temporaryFolder, until } from '@countersign/ground/testkit'
import {
  checkSvid,
  createCsr,
  generateKeyPair,
  readCertificate,
  validateChain,
} from '@countersign/ground/x509'
import { obtain, RenewingIdentity } from '@countersign/service'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { AuthorityError } from '../errors.ts'
import { initialiseAuthority } from '../pki/initialise-authority.ts'
import { silent } from '../testing/authority-host.ts'
import { type Authority, type AuthorityOptions, openAuthority } from './authority.ts'

const DAY = 86_400_000
const trustDomain = 'test.local'
const ORDER = workloadId(trustDomain, 'order')
let temporary: ReturnType<typeof temporaryFolder>
let base: AuthorityOptions
let opened: Authority[]
beforeEach(async () => {
  temporary = temporaryFolder()
  const folder = join(temporary.path, 'pki')
  const masterKey = createSecretKey(randomBytes(32))
  const instance = 'authority-1'
  await initialiseAuthority({ folder, masterKey, trustDomain, instances: [instance] })
  base = { folder, masterKey, trustDomain, instance, leafLifetimeSeconds: 3_600, log: silent }
  opened = []
})
afterEach(async () => {
  for (const authority of opened) await authority.close()
  temporary[Symbol.dispose]()
})

async function open(changes: Partial<AuthorityOptions> = {}): Promise<Authority> {
  const authority = await openAuthority({ ...base, ...changes })
  opened.push(authority)
  return authority
}
async function csrFor(id = ORDER): Promise<string> {
  return createCsr({ id, privateKey: (await generateKeyPair()).privateKey })
}

describe('an open authority', () => {
  it('signs an X.509-SVID for the name that it was told, and writes it down', async () => {
    const authority = await open()
    const issued = await authority.issue('order', await csrFor())
    const leaf = new X509Certificate(issued.chain)
    expect(checkSvid(leaf)).toEqual({ ok: true, id: ORDER })
    expect(validateChain(issued.chain, authority.bundle(), Date.now()).ok).toBe(true)
    expect(readCertificate(leaf.raw).uris).toEqual([ORDER])
    const [line = ''] = readFileSync(
      join(base.folder, 'authority-1', 'issued.jsonl'),
      'utf8',
    ).split('\n')
    expect(JSON.parse(line)).toMatchObject({
      serial: leaf.serialNumber,
      name: ORDER,
      kind: 'renew',
    })
  })

  it('refuses a request for another name, and its own name to others', async () => {
    const authority = await open()
    const refused = { code: 'CSR_REFUSED' }
    await expect(authority.issue('payment', await csrFor())).rejects.toMatchObject(refused)
    await expect(authority.selfIssue('order', await csrFor())).rejects.toMatchObject(refused)
    const own = await csrFor(workloadId(trustDomain, 'authority'))
    await expect(authority.selfIssue('authority', own)).resolves.toBeDefined()
    await expect(authority.issue('order', 'nonsense')).rejects.toMatchObject({ code: 'MALFORMED' })
  })

  it('signs nothing that outlives its intermediate, and nothing under one that is nearly over', async () => {
    const start = Date.now()
    const { endsAt } = await open()
    const before = (ms: number) => open({ now: () => endsAt.getTime() - ms })
    const cut = await (await before(2_400_000)).issue('order', await csrFor())
    expect(new X509Certificate(cut.chain).validToDate).toEqual(endsAt)
    const soon = { code: 'ISSUER_ENDS_SOON' }
    await expect((await before(1_700_000)).issue('order', await csrFor())).rejects.toMatchObject(
      soon,
    )
    await expect((await before(-1)).issue('order', await csrFor())).rejects.toMatchObject(soon)
    // A clock far behind its intermediate's start signs nothing that is valid by its own time.
    const past = await open({ now: () => start - DAY })
    await expect(past.issue('order', await csrFor())).rejects.toBeInstanceOf(AuthorityError)
  })

  it('gives the public door host names, no SPIFFE id, and a day', async () => {
    const authority = await open()
    const csr = await csrFor(workloadId(trustDomain, 'gateway'))
    const issued = await authority.issuePublicDoor('gateway', csr, [
      'localhost',
      '127.0.0.1',
      '::1',
    ])
    const leaf = new X509Certificate(issued.chain)
    expect(checkSvid(leaf).ok).toBe(false)
    const facts = readCertificate(leaf.raw)
    expect(facts).toMatchObject({
      uris: [],
      dnsNames: ['localhost'],
      extendedKeyUsage: ['2b06010505070301'],
    })
    expect(facts.ips).toEqual(['7f000001', '00000000000000000000000000000001'])
    expect(leaf.validToDate.getTime() - Date.now()).toBeLessThanOrEqual(DAY)
  })

  it('does not open without its folder, or with another master key', async () => {
    const masterKey = createSecretKey(randomBytes(32))
    await expect(open({ masterKey })).rejects.toMatchObject({ code: 'PKI_DAMAGED' })
    rmSync(join(base.folder, 'authority-1', 'signer.json'))
    await expect(open()).rejects.toMatchObject({ code: 'PKI_MISSING' })
  })

  it('keeps a workload with a life of three seconds fresh, each time with another key and serial', async () => {
    const authority = await open({ leafLifetimeSeconds: 3 })
    const renew = (csr: string) => authority.issue('order', csr)
    const held = await obtain(ORDER, renew)
    const seen = new Set([held.credential.serial + held.credential.key])
    const left: number[] = []
    const identity = new RenewingIdentity({
      ...{ id: ORDER, held, renew, log: silent },
      onRenewed: ({ serial, key }) => void seen.add(serial + key),
    })
    identity.onChange(() => left.push(identity.current().notAfter.getTime() - Date.now()))
    await until(() => identity.renewals >= 4, 'four renewals', 12_000)
    identity.close()
    expect(seen.size).toBe(identity.renewals + 1)
    expect(Math.min(...left)).toBeGreaterThan(1_500)
  }, 20_000)
})
