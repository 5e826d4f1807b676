import { type KeyObject, X509Certificate } from 'node:crypto'
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
import { openStore, type Store } from '../store/store.ts'
import {
  createPki,
  createRevocations,
  type Pki,
  silent,
  type TestRevocations,
  TRUST_DOMAIN,
} from '../testing/test-pki.ts'
import { type Authority, type AuthorityOptions, openAuthority } from './authority.ts'
import type { IssueRequest } from './issue-request.ts'

const DAY = 86_400_000
const ORDER = workloadId(TRUST_DOMAIN, 'order')
let temporary: ReturnType<typeof temporaryFolder>
let pki: Pki
let store: Store
let revocations: TestRevocations
beforeEach(async () => {
  temporary = temporaryFolder()
  pki = await createPki(temporary.path)
  store = openStore(join(temporary.path, 'authority-1'))
  revocations = createRevocations()
})
afterEach(async () => {
  await store.close()
  temporary[Symbol.dispose]()
})

function open(changes: Partial<AuthorityOptions> = {}): Promise<Authority> {
  return openAuthority({
    ...{ folder: pki.folder, instance: 'authority-1', trustDomain: TRUST_DOMAIN },
    ...{ store, signers: pki.signersOf('authority-1'), trust: pki, revocations, log: silent },
    leafLifetimeSeconds: 3_600,
    ...changes,
  })
}
async function csrFor(id = ORDER, key?: KeyObject): Promise<string> {
  return createCsr({ id, privateKey: key ?? (await generateKeyPair()).privateKey })
}
const wish = (csr: string, changes: Partial<IssueRequest> = {}): IssueRequest => ({
  ...{ profile: 'workload', kind: 'join', name: 'order', csr, asker: '10.0.0.1' },
  ...changes,
})
const factsOf = (chain: string) => readCertificate(new X509Certificate(chain).raw)
const refused = { code: 'CSR_REFUSED' }

describe('an open authority', () => {
  it('signs an X.509-SVID for the name that it was told, and has it on record', async () => {
    const authority = await open()
    const issued = await authority.issue(wish(await csrFor()))
    const leaf = new X509Certificate(issued.chain)
    expect(checkSvid(leaf)).toEqual({ ok: true, id: ORDER })
    expect(validateChain(issued.chain, issued.bundle, Date.now()).ok).toBe(true)
    const facts = readCertificate(leaf.raw)
    expect(facts).toMatchObject({ uris: [ORDER], dnsNames: ['order.test.local'] })
    expect(facts.lineage).toBe(facts.serial)
    expect(authority.issued.find(facts.serial)).toMatchObject({
      ...{ serial: facts.serial, lineage: facts.serial, name: ORDER, kind: 'join' },
      ...{ state: 'issued', issuer: facts.authorityKeyId, asker: '10.0.0.1' },
      ...{ notBefore: facts.notBefore, notAfter: facts.notAfter, certificate: leaf.raw },
    })
    expect(issued.sequence).toBe(1)
  })

  it('puts the intent on record before it signs, and nothing leaves a row open', async () => {
    const authority = await open()
    const prepared = await authority.prepare(wish(await csrFor()))
    const state = () => authority.issued.find(prepared.serial)
    expect(state()).toMatchObject({ state: 'intent', certificate: undefined })
    await prepared.commit()
    expect(state()?.state).toBe('issued')
    await expect(prepared.commit()).rejects.toThrow('signed once')
    const other = await authority.prepare(wish(await csrFor()))
    await other.cancel('the token was spent')
    expect(authority.issued.find(other.serial)).toMatchObject({
      ...{ state: 'failed', reason: 'the token was spent' },
    })
    await expect(other.commit()).rejects.toThrow('signed once')
  })

  it('lets nothing go that does not pass its own check, and says so on record', async () => {
    const other = await createPki(temporary.path)
    // The bundle is of another root than the intermediate: a mistake of ours, not of the request.
    const authority = await open({ trust: other })
    const prepared = await authority.prepare(wish(await csrFor()))
    await expect(prepared.commit()).rejects.toMatchObject({ code: 'SELF_CHECK_FAILED' })
    expect(authority.issued.find(prepared.serial)).toMatchObject({
      ...{ state: 'failed', certificate: undefined },
      reason: expect.stringMatching(/no root of the bundle/),
    })
  })

  it('lets nothing go that could not be put on record', async () => {
    const authority = await open()
    const prepared = await authority.prepare(wish(await csrFor()))
    await store.write(() => store.db.exec(`UPDATE issued SET state = 'failed'`))
    await expect(prepared.commit()).rejects.toThrow('no open intent')
    expect(authority.issued.list({})).toEqual([])
  })

  it('keeps the lineage in renewals, and renews nothing that was taken back', async () => {
    const authority = await open()
    const first = factsOf((await authority.issue(wish(await csrFor()))).chain)
    const renewal = async (renews: NonNullable<IssueRequest['renews']>) =>
      factsOf((await authority.issue(wish(await csrFor(), { kind: 'renew', renews }))).chain)
    const second = await renewal(first)
    expect([second.lineage, second.serial === first.serial]).toEqual([first.serial, false])
    // A certificate of another authority, and one from before there were lineages.
    expect((await renewal({ serial: 'ab', lineage: 'cd' })).lineage).toBe('cd')
    expect((await renewal({ serial: 'ab', lineage: undefined })).lineage).toBe('ab')
    revocations.lineages.add(first.serial)
    await expect(renewal(second)).rejects.toMatchObject({ code: 'REVOKED' })
    await expect(renewal({ serial: first.serial, lineage: undefined })).rejects.toMatchObject({
      code: 'REVOKED',
    })
  })

  it('lets nothing go whose lineage is taken back while it is under way', async () => {
    const authority = await open()
    const first = factsOf((await authority.issue(wish(await csrFor()))).chain)
    const request = async () => wish(await csrFor(), { kind: 'renew', renews: first })
    const before = await authority.prepare(await request())
    const within = await authority.prepare(await request())
    const signing = within.commit()
    revocations.lineages.add(first.serial)
    await expect(signing).rejects.toMatchObject({ code: 'REVOKED' })
    await expect(before.commit()).rejects.toMatchObject({ code: 'REVOKED' })
    // Of the one there is a signature, which the lists have to name.
    expect(authority.issued.find(within.serial)).toMatchObject({ state: 'issued' })
    expect(authority.issued.find(before.serial)).toMatchObject({ state: 'failed' })
  })

  it('refuses a request for another name, and its own name to others', async () => {
    const authority = await open()
    const wrong = wish(await csrFor(), { name: 'payment' })
    await expect(authority.issue(wrong)).rejects.toMatchObject(refused)
    await expect(authority.selfIssue('order', await csrFor())).rejects.toMatchObject(refused)
    const own = await csrFor(workloadId(TRUST_DOMAIN, 'authority'))
    await expect(authority.selfIssue('authority', own)).resolves.toBeDefined()
    await expect(authority.issue(wish('nonsense'))).rejects.toMatchObject({ code: 'MALFORMED' })
    expect(authority.issued.list({ state: 'any' })).toHaveLength(1)
  })

  it('goes on under its own name with a new line when its certificate was taken back', async () => {
    const authority = await open()
    const own = () => csrFor(workloadId(TRUST_DOMAIN, 'authority'))
    const [one, two] = [
      factsOf((await authority.selfIssue('authority', await own())).chain),
      factsOf((await authority.selfIssue('authority', await own())).chain),
    ]
    expect(two.lineage).toBe(one.serial)
    revocations.lineages.add(one.serial)
    const three = factsOf((await authority.selfIssue('authority', await own())).chain)
    expect(three.lineage).toBe(three.serial)
  })

  it('refuses keys that strangers hold, and keys of CAs', async () => {
    const authority = await open()
    const { privateKey } = await generateKeyPair()
    const csr = await csrFor(ORDER, privateKey)
    const { serial } = factsOf((await authority.issue(wish(csr))).chain)
    revocations.keys.add(authority.issued.find(serial)?.keyHash ?? '')
    await expect(authority.issue(wish(csr))).rejects.toMatchObject({
      ...refused,
      message: expect.stringMatching(/compromised/),
    })
    for (const instance of ['authority-1', 'authority-2']) {
      const key = pki.signersOf(instance).active().privateKey
      await expect(authority.issue(wish(await csrFor(ORDER, key)))).rejects.toMatchObject({
        ...refused,
        message: expect.stringMatching(/of a CA/),
      })
    }
    const account = await generateKeyPair()
    await expect(
      authority.issue(
        wish(await csrFor(ORDER, account.privateKey), { notThisKey: account.publicKey }),
      ),
    ).rejects.toMatchObject(refused)
  })

  it('signs nothing that outlives its intermediate, and nothing under one that is nearly over', async () => {
    const start = Date.now()
    const { endsAt } = await open()
    const before = (ms: number) => open({ now: () => endsAt.getTime() - ms })
    const cut = await (await before(2_400_000)).issue(wish(await csrFor()))
    expect(new X509Certificate(cut.chain).validToDate).toEqual(endsAt)
    const soon = { code: 'ISSUER_ENDS_SOON' }
    for (const ms of [1_700_000, -1]) {
      const late = await before(ms)
      await expect(late.issue(wish(await csrFor()))).rejects.toMatchObject(soon)
    }
    // A clock far behind its intermediate's start signs nothing that is valid by its own time.
    const past = await open({ now: () => start - DAY })
    await expect(past.issue(wish(await csrFor()))).rejects.toBeInstanceOf(AuthorityError)
  })

  it('gives the public door host names, no SPIFFE id, and a day', async () => {
    const statusUrls = (id: string) => ({
      crlUrls: [`https://127.0.0.1/crl/${id}.crl`],
      ocspUrls: ['https://127.0.0.1/ocsp'],
    })
    const authority = await open({ statusUrls })
    const csr = await csrFor(workloadId(TRUST_DOMAIN, 'gateway'))
    const names = ['localhost', '127.0.0.1', '::1']
    const request = { profile: 'public-door', kind: 'public-door', name: 'gateway', csr } as const
    const issued = await authority.issue({ ...request, names })
    const leaf = new X509Certificate(issued.chain)
    expect(checkSvid(leaf).ok).toBe(false)
    const facts = readCertificate(leaf.raw)
    expect(facts).toMatchObject({
      ...{ uris: [], dnsNames: ['localhost'], lineage: undefined },
      extendedKeyUsage: ['2b06010505070301'],
    })
    expect(facts.ips).toEqual(['7f000001', '00000000000000000000000000000001'])
    expect(leaf.infoAccess).toContain('https://127.0.0.1/ocsp')
    expect(leaf.validToDate.getTime() - Date.now()).toBeLessThanOrEqual(DAY)
    const longer = { ...request, names, lifetimeMs: 8 * DAY }
    await expect(authority.issue(longer)).rejects.toMatchObject({ code: 'PROFILE_REFUSED' })
    await expect(authority.issue({ ...request, names: [] })).rejects.toMatchObject(refused)
  })

  it('keeps a workload with a life of three seconds fresh, each time with another key and serial', async () => {
    const authority = await open({ leafLifetimeSeconds: 3 })
    const renew = async (csr: string) => authority.issue(wish(csr))
    const held = await obtain(ORDER, renew)
    const seen = new Set([held.credential.serial + held.credential.key])
    const left: number[] = []
    const identity = new RenewingIdentity({
      ...{ id: ORDER, held, renew, log: silent },
      onRenewed: ({ serial, key }) => void seen.add(serial + key),
    })
    identity.onChange(() => left.push(identity.current().notAfter.getTime() - Date.now()))
    await until(() => identity.renewals >= 4, 'four renewals', 30_000)
    identity.close()
    expect(seen.size).toBe(identity.renewals + 1)
    // How early it comes is the plan's business (renewal-plan.test.ts): a busy machine takes from it.
    expect(Math.min(...left)).toBeGreaterThan(0)
  })
})

describe('profiles', () => {
  // biome-ignore format: a table
  const refusals: [string, Partial<IssueRequest>][] = [
    ['a join of the platform as a workload', { name: 'registry' }],
    ['a workload as one of the platform',    { profile: 'platform' }],
    ['the gateway as a workload',            { name: 'gateway' }],
    ['a public door for a workload',         { profile: 'public-door', kind: 'public-door', names: ['localhost'] }],
    ['a join by ACME',                       { profile: 'acme', names: ['localhost'] }],
    ['a certificate of its own',             { kind: 'self' }],
    ['a life of more than a day',            { lifetimeMs: DAY + 1 }],
    ['a life without end',                   { lifetimeMs: Number.POSITIVE_INFINITY }],
    ['a life that is no number',             { lifetimeMs: Number.NaN }],
  ]
  it.each(refusals)('do not have %s', async (_, changes) => {
    const authority = await open()
    const request = wish(await csrFor(), changes)
    await expect(authority.issue(request)).rejects.toMatchObject({ code: 'PROFILE_REFUSED' })
    expect(authority.issued.list({ state: 'any' })).toEqual([])
  })
})
