import { createSecretKey, randomBytes, X509Certificate } from 'node:crypto'
import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryFolder } from '@countersign/ground/testkit'
import { readCertificate } from '@countersign/ground/x509'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type InitialiseOptions, initialiseAuthority } from './initialise-authority.ts'

const DAY = 86_400_000
let temporary: ReturnType<typeof temporaryFolder>
let options: InitialiseOptions
const masterKey = createSecretKey(randomBytes(32))
beforeEach(() => {
  temporary = temporaryFolder()
  const folder = join(temporary.path, 'pki')
  options = {
    folder,
    masterKey,
    trustDomain: 'test.local',
    instances: ['authority-1', 'authority-2'],
  }
})
afterEach(() => temporary[Symbol.dispose]())

const text = (...path: string[]) => readFileSync(join(options.folder, ...path), 'utf8')
const certificateIn = (...path: string[]) =>
  new X509Certificate((JSON.parse(text(...path)) as { certificate: string }).certificate)
const mode = (...path: string[]) => statSync(join(options.folder, ...path)).mode & 0o777

describe('initialiseAuthority', () => {
  it('makes a root, an intermediate for each authority, and the bundle; and then nothing more', async () => {
    const first = await initialiseAuthority(options)
    expect(first.made).toEqual(['root', 'authority-1', 'authority-2'])
    expect(text('bundle.pem')).toBe(first.bundle)
    const before = ['root.json', 'authority-1/signer.json', 'bundle.pem'].map((path) => text(path))
    const second = await initialiseAuthority(options)
    expect(second).toEqual({ ...first, made: [] })
    expect(
      ['root.json', 'authority-1/signer.json', 'bundle.pem'].map((path) => text(path)),
    ).toEqual(before)
  })

  it('keeps keys sealed, in files for their owner only', async () => {
    await initialiseAuthority(options)
    for (const path of ['root.json', 'authority-1/signer.json']) {
      expect(mode(path)).toBe(0o600)
      expect(text(path)).not.toContain('PRIVATE KEY')
      expect(text(path)).toMatch(/"sealedKey": "cs1\./)
    }
    expect([mode(), mode('authority-1'), mode('bundle.pem')]).toEqual([0o700, 0o700, 0o644])
  })

  it('gives CAs the id of the trust domain, their lives and their depth', async () => {
    await initialiseAuthority(options)
    const root = certificateIn('root.json')
    const below = certificateIn('authority-2', 'signer.json')
    expect(below.checkIssued(root) && below.verify(root.publicKey)).toBe(true)
    expect(readCertificate(root.raw)).toMatchObject({
      uris: ['spiffe://test.local'],
      ca: true,
      pathLength: 1,
    })
    expect(readCertificate(below.raw)).toMatchObject({
      uris: ['spiffe://test.local'],
      ca: true,
      pathLength: 0,
    })
    const days = ({ validToDate }: X509Certificate) => (validToDate.getTime() - Date.now()) / DAY
    expect(Math.round(days(root))).toBe(3_652)
    expect(Math.round(days(below))).toBe(365)
  })

  it('mends what a crash left undone', async () => {
    await initialiseAuthority(options)
    const root = text('root.json')
    rmSync(join(options.folder, 'bundle.pem'))
    rmSync(join(options.folder, 'authority-2', 'signer.json'))
    expect((await initialiseAuthority(options)).made).toEqual(['authority-2'])
    expect(text('root.json')).toBe(root)
  })

  it('replaces an intermediate in the last third of its life, not before, and never lets it outlive the root', async () => {
    await initialiseAuthority(options)
    const start = Date.now()
    const later = (days: number) => ({ ...options, now: () => start + days * DAY })
    expect((await initialiseAuthority(later(240))).made).toEqual([])
    expect((await initialiseAuthority(later(250))).made).toEqual(['authority-1', 'authority-2'])
    await initialiseAuthority(later(3_600))
    const [end, rootEnd] = [certificateIn('authority-1', 'signer.json'), certificateIn('root.json')]
    expect(end.validToDate.getTime()).toBe(rootEnd.validToDate.getTime())
  })

  it('refuses another master key, another trust domain, and keys that were moved or changed', async () => {
    await initialiseAuthority(options)
    const damaged = { code: 'PKI_DAMAGED' }
    const other = createSecretKey(randomBytes(32))
    await expect(initialiseAuthority({ ...options, masterKey: other })).rejects.toMatchObject(
      damaged,
    )
    await expect(
      initialiseAuthority({ ...options, trustDomain: 'evil.local' }),
    ).rejects.toMatchObject(damaged)
    const moved = text('authority-1', 'signer.json')
    writeFileSync(join(options.folder, 'authority-2', 'signer.json'), moved)
    await expect(initialiseAuthority(options)).rejects.toMatchObject(damaged)
    await expect(initialiseAuthority({ ...options, instances: ['../evil'] })).rejects.toThrow(
      TypeError,
    )
  })
})
