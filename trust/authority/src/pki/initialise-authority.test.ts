import { createSecretKey, randomBytes, X509Certificate } from 'node:crypto'
import {
  chmodSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { temporaryFolder } from '@countersign/ground/testkit'
import { keyIdOf, readCertificate } from '@countersign/ground/x509'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { makeIntermediate, makeRoot } from './create-ca.ts'
import { type InitialiseOptions, initialiseAuthority } from './initialise-authority.ts'
import { releasedRootPlace, releasedSignerPlace } from './places.ts'
import { writeSigner } from './signer-file.ts'
import { openSigners } from './signer-store.ts'

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
const mode = (...path: string[]) => statSync(join(options.folder, ...path)).mode & 0o777
const only = (...path: string[]) => {
  const names = readdirSync(join(options.folder, ...path))
  expect(names).toHaveLength(1)
  return [...path, names[0] ?? '']
}
const rootFile = () => only('roots')
const signerFile = (instance: string) => only(instance, 'signers')
const certificateIn = (path: string[]) =>
  new X509Certificate((JSON.parse(text(...path)) as { certificate: string }).certificate)
const allFiles = () => [rootFile(), signerFile('authority-1'), ['bundle.pem'], ['trust.json']]

describe('initialiseAuthority', () => {
  it('makes a root, an intermediate for each authority, and the bundle; and then nothing more', async () => {
    const first = await initialiseAuthority(options)
    expect(first.made).toEqual(['root', 'authority-1', 'authority-2'])
    expect(text('bundle.pem')).toBe(first.bundle)
    const before = allFiles().map((path) => text(...path))
    const second = await initialiseAuthority(options)
    expect(second).toEqual({ ...first, made: [] })
    expect(allFiles().map((path) => text(...path))).toEqual(before)
  })

  it('keeps keys sealed, in files for their owner only', async () => {
    await initialiseAuthority(options)
    for (const path of [rootFile(), signerFile('authority-1')]) {
      expect(mode(...path)).toBe(0o600)
      expect(text(...path)).not.toContain('PRIVATE KEY')
      expect(text(...path)).toMatch(/"sealedKey": "cs1\./)
    }
    expect([mode(), mode('roots'), mode('authority-1', 'signers'), mode('bundle.pem')]).toEqual([
      0o700, 0o700, 0o700, 0o644,
    ])
  })

  it('gives CAs the id of the trust domain, their lives and their depth, in files of their key ids', async () => {
    await initialiseAuthority(options)
    const [root, below] = [certificateIn(rootFile()), certificateIn(signerFile('authority-2'))]
    expect(rootFile().at(-1)).toBe(`${keyIdOf(root)}.json`)
    expect(signerFile('authority-2').at(-1)).toBe(`${keyIdOf(below)}.json`)
    expect(below.checkIssued(root) && below.verify(root.publicKey)).toBe(true)
    const uris = ['spiffe://test.local']
    expect(readCertificate(root.raw)).toMatchObject({ uris, ca: true, pathLength: 2 })
    expect(readCertificate(below.raw)).toMatchObject({ uris, ca: true, pathLength: 0 })
    const days = ({ validToDate }: X509Certificate) => (validToDate.getTime() - Date.now()) / DAY
    expect(Math.round(days(root))).toBe(3_652)
    expect(Math.round(days(below))).toBe(365)
  })

  it('mends what a crash left undone', async () => {
    const { bundle } = await initialiseAuthority(options)
    const root = text(...rootFile())
    for (const path of [['bundle.pem'], ['trust.json'], signerFile('authority-2')])
      rmSync(join(options.folder, ...path))
    expect(await initialiseAuthority(options)).toMatchObject({ made: ['authority-2'], bundle })
    expect(text(...rootFile())).toBe(root)
    expect(text('bundle.pem')).toBe(bundle)
  })

  it('never lets an intermediate outlive its root, and makes none under one that is nearly ended', async () => {
    const now = Date.now()
    const lifetimes = { rootMs: 100 * DAY, intermediateMs: 90 * DAY }
    await initialiseAuthority({ ...options, lifetimes, instances: [] })
    const later = { ...options, lifetimes, now: () => now + 60 * DAY }
    await initialiseAuthority({ ...later, instances: ['authority-1'] })
    const end = certificateIn(signerFile('authority-1')).validToDate.getTime()
    expect(end).toBe(certificateIn(rootFile()).validToDate.getTime())
    const atTheEnd = { ...later, now: () => now + 95 * DAY, instances: ['authority-2'] }
    await expect(initialiseAuthority(atTheEnd)).rejects.toMatchObject({ code: 'ISSUER_ENDS_SOON' })
  })

  it('goes on without the key of the root, once it is kept off line', async () => {
    const { bundle } = await initialiseAuthority(options)
    rmSync(join(options.folder, 'roots'), { recursive: true })
    expect(await initialiseAuthority(options)).toMatchObject({ bundle, made: [] })
    rmSync(join(options.folder, 'trust.json'))
    expect(await initialiseAuthority(options)).toMatchObject({ bundle, made: [] })
    expect(existsSync(join(options.folder, 'trust.json'))).toBe(true)
  })

  it('takes over a folder of the first release, with all its keys', async () => {
    const made = await initialiseAuthority({ ...options, instances: [] })
    const common = { trustDomain: 'test.local', now: Date.now() }
    const root = await makeRoot({ ...common, lifetimeMs: 300 * DAY })
    rmSync(options.folder, { recursive: true })
    await initialiseAuthority({ ...options, instances: [], trustDomain: 'test.local' })
    for (const path of [rootFile(), ['bundle.pem'], ['trust.json']])
      rmSync(join(options.folder, ...path))
    const { folder } = options
    const below = await makeIntermediate({
      ...{ ...common, lifetimeMs: 30 * DAY, root, instance: 'authority-1' },
    })
    await writeSigner(releasedRootPlace(folder, 'test.local'), root, masterKey)
    const store = openSigners({ folder, trustDomain: 'test.local', masterKey }, 'authority-1')
    await store.write(below)
    await store.remove(below.id)
    const place = releasedSignerPlace(folder, 'authority-1', 'test.local')
    await writeSigner(place, below, masterKey)
    const { bundle, made: now } = await initialiseAuthority({
      ...options,
      instances: ['authority-1'],
    })
    expect(now).toEqual([])
    expect(bundle).toBe(root.certificate)
    expect(bundle).not.toBe(made.bundle)
    expect((await store.read(below.id))?.privateKey.equals(below.privateKey)).toBe(true)
    expect(existsSync(join(folder, 'root.json')) || existsSync(place.path)).toBe(false)
  })

  it('refuses another master key, another trust domain, and keys that were moved or changed', async () => {
    await initialiseAuthority(options)
    const damaged = { code: 'PKI_DAMAGED' }
    const other = createSecretKey(randomBytes(32))
    const refused = (but: Partial<InitialiseOptions>) =>
      expect(initialiseAuthority({ ...options, ...but })).rejects.toMatchObject(damaged)
    await refused({ masterKey: other })
    await refused({ trustDomain: 'evil.local' })
    const moved = signerFile('authority-1')
    const into = join(options.folder, 'authority-2', 'signers', moved.at(-1) ?? '')
    writeFileSync(into, text(...moved), { mode: 0o600 })
    await refused({})
    await expect(initialiseAuthority({ ...options, instances: ['../evil'] })).rejects.toThrow(
      TypeError,
    )
  })

  it('refuses keys that others may read, and says what to do', async () => {
    await initialiseAuthority(options)
    for (const path of [rootFile(), signerFile('authority-1')]) {
      const file = join(options.folder, ...path)
      chmodSync(file, 0o640)
      await expect(initialiseAuthority(options)).rejects.toMatchObject({
        code: 'MODES_TOO_WIDE',
        message: expect.stringContaining(`chmod 600 ${file}`),
      })
      chmodSync(file, 0o600)
    }
    // Also where only the one file is read.
    const file = join(options.folder, ...signerFile('authority-1'))
    chmodSync(file, 0o644)
    const id = signerFile('authority-1').at(-1)?.replace('.json', '') ?? ''
    await expect(openSigners(options, 'authority-1').read(id)).rejects.toMatchObject({
      code: 'PKI_DAMAGED',
      message: expect.stringContaining(`chmod 600 ${file}`),
    })
  })
})
