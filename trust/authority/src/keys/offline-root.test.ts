import { chmodSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { createMasterKey, newMasterKey } from '@countersign/ground/seal'
import { temporaryFolder } from '@countersign/ground/testkit'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { initialiseAuthority } from '../pki/initialise-authority.ts'
import { openVault } from '../pki/signer-store.ts'
import { exportRoot, importRoot, type RootMove } from './offline-root.ts'

const PASSPHRASE = 'correct horse battery staple'
const TRUST_DOMAIN = 'test.local'
let temporary: ReturnType<typeof temporaryFolder>
let move: RootMove
let keyFile: string
let id: string

const at = (...path: string[]) => join(temporary.path, ...path)
const vault = () => openVault({ ...move, trustDomain: TRUST_DOMAIN })
const initialise = async (name: string, trustDomain = TRUST_DOMAIN) => {
  const { masterKey } = move
  const options = { folder: at(name), masterKey, trustDomain, instances: ['authority-1'] }
  await initialiseAuthority(options)
}

beforeEach(async () => {
  temporary = temporaryFolder()
  keyFile = at('master.key')
  const masterKey = await createMasterKey(keyFile)
  move = { folder: at('pki'), masterKey, file: at('root.key.json'), passphrase: PASSPHRASE }
  await initialise('pki')
  id = (await vault().list())[0] ?? ''
})
afterEach(() => temporary[Symbol.dispose]())

async function refusalOf(act: Promise<unknown>): Promise<{ code: string; message: string }> {
  try {
    await act
  } catch (error) {
    expect(inspect(error)).not.toContain(PASSPHRASE)
    return error as { code: string; message: string }
  }
  throw new Error('nothing was refused')
}
const files = () => readdirSync(temporary.path).sort()

describe('a root key', () => {
  it('goes off line and comes back as it was', async () => {
    const before = await vault().read(id)
    const bundle = readFileSync(at('pki', 'bundle.pem'), 'utf8')
    const steps: string[] = []
    const moved = await exportRoot({ ...move, onStep: (step) => steps.push(step) })
    expect(moved).toEqual({ id, trustDomain: TRUST_DOMAIN })
    expect(steps).toEqual(['written', 'read back', 'removed'])
    expect(await vault().list()).toEqual([])
    expect(readFileSync(at('pki', 'bundle.pem'), 'utf8')).toBe(bundle)
    expect(statSync(move.file).mode & 0o777).toBe(0o600)
    const text = readFileSync(move.file, 'utf8')
    expect(JSON.parse(text)).toMatchObject({
      format: 'countersign-root-key',
      id,
      trustDomain: TRUST_DOMAIN,
    })
    expect(text).not.toContain('PRIVATE KEY')
    expect(text).not.toContain(PASSPHRASE)

    expect(await importRoot(move)).toEqual(moved)
    const after = await vault().read(id)
    expect(after?.certificate).toBe(before?.certificate)
    expect(before !== undefined && after?.privateKey.equals(before.privateKey)).toBe(true)
    expect(existsSync(move.file)).toBe(true)
  })

  it('that is off line is not missed at a start', async () => {
    await exportRoot(move)
    await initialise('pki')
    expect(await vault().list()).toEqual([])
  })

  it('comes back under another master key, and to another place', async () => {
    await exportRoot(move)
    const masterKey = newMasterKey()
    await importRoot({ ...move, masterKey })
    const here = { ...move, masterKey, trustDomain: TRUST_DOMAIN }
    expect((await openVault(here).read(id))?.id).toBe(id)
  })

  it('is named where there are several', async () => {
    await initialise('other')
    const [other = ''] = await openVault({
      ...move,
      folder: at('other'),
      trustDomain: TRUST_DOMAIN,
    }).list()
    const ca = await openVault({ ...move, folder: at('other'), trustDomain: TRUST_DOMAIN }).read(
      other,
    )
    if (ca === undefined) throw new Error('no second root')
    await vault().write(ca)
    expect((await refusalOf(exportRoot(move))).message).toMatch(new RegExp(`${id}|${other}`))
    expect((await exportRoot({ ...move, rootId: id })).id).toBe(id)
    expect(await vault().list()).toEqual([other])
  })
})

describe('what goes wrong with a root key is said, and nothing is lost:', () => {
  const stays = async () => expect((await vault().read(id))?.id).toBe(id)

  it('a file that is there already', async () => {
    writeFileSync(move.file, 'something of mine', { mode: 0o600 })
    expect(await refusalOf(exportRoot(move))).toMatchObject({ code: 'ROOT_REFUSED' })
    expect(readFileSync(move.file, 'utf8')).toBe('something of mine')
    await stays()
  })

  it('a file that holds another root', async () => {
    await initialise('other')
    await exportRoot({ ...move, folder: at('other') })
    const before = readFileSync(move.file, 'utf8')
    expect((await refusalOf(exportRoot(move))).message).toContain('holds another key')
    expect(readFileSync(move.file, 'utf8')).toBe(before)
    await stays()
  })

  it('a place that cannot be written, a passphrase that is too short', async () => {
    expect((await refusalOf(exportRoot({ ...move, file: at('no', 'file') }))).code).toBe(
      'ROOT_REFUSED',
    )
    expect((await refusalOf(exportRoot({ ...move, passphrase: 'short' }))).code).toBe(
      'ROOT_REFUSED',
    )
    expect(files()).toEqual(['master.key', 'pki'])
    await stays()
  })

  it('another master key, an unknown root, no root', async () => {
    const refusals = [
      await refusalOf(exportRoot({ ...move, masterKey: newMasterKey() })),
      await refusalOf(exportRoot({ ...move, rootId: 'a'.repeat(40) })),
      await refusalOf(exportRoot({ ...move, rootId: '../../master' })),
      await refusalOf(exportRoot({ ...move, folder: at('nowhere') })),
    ]
    expect(refusals.map(({ code }) => code)).toEqual([
      'PKI_DAMAGED',
      'ROOT_REFUSED',
      'ROOT_REFUSED',
      'PKI_MISSING',
    ])
    await stays()
    await exportRoot(move)
    expect((await refusalOf(exportRoot({ ...move, file: at('2') }))).message).toContain('off line')
  })

  it('another passphrase, a file of others, a damaged file, no file', async () => {
    await exportRoot(move)
    const text = readFileSync(move.file, 'utf8')
    const refusals: string[] = []
    const refuse = async (change: Partial<RootMove>) => {
      const { code, message } = await refusalOf(importRoot({ ...move, ...change }))
      expect(code).toBe('ROOT_REFUSED')
      refusals.push(message)
    }
    await refuse({ passphrase: 'another long passphrase' })
    await refuse({ file: at('nowhere') })
    chmodSync(move.file, 0o644)
    await refuse({})
    chmodSync(move.file, 0o600)
    const file = JSON.parse(text)
    for (const changed of [
      '',
      '{}',
      JSON.stringify({ ...file, trustDomain: 'evil.local' }),
      JSON.stringify({ ...file, id: 'b'.repeat(40) }),
      JSON.stringify({
        ...file,
        box: { ...file.box, sealed: `${file.box.sealed.slice(0, -4)}AAAA` },
      }),
    ]) {
      writeFileSync(move.file, changed)
      await refuse({})
    }
    expect(refusals.map((each) => each.replace(/^.* cannot be used: /, ''))).toEqual([
      'this is not the passphrase that it was sealed with',
      expect.stringContaining('ENOENT'),
      expect.stringContaining('chmod 600'),
      'it is no file of a root key, or was changed',
      'it is no file of a root key, or was changed',
      'it was changed',
      'it was changed',
      'it was changed',
    ])
    expect(await vault().list()).toEqual([])
    writeFileSync(move.file, text)
    await importRoot(move)
  })

  it('a root of another trust domain, or one that nobody trusts', async () => {
    for (const [name, trustDomain] of [
      ['other', 'other.local'],
      ['same', TRUST_DOMAIN],
    ] as const) {
      await initialise(name, trustDomain)
      const file = at(`${name}.json`)
      await exportRoot({ ...move, folder: at(name), file })
      const { code, message } = await refusalOf(importRoot({ ...move, file }))
      expect(code).toBe('ROOT_REFUSED')
      expect(message).toContain(`none that ${TRUST_DOMAIN} trusts`)
      expect(await vault().list()).toEqual([id])
    }
  })

  it('a key that is here already', async () => {
    await exportRoot(move)
    await importRoot(move)
    expect((await refusalOf(importRoot(move))).message).toContain('is here already')
    await stays()
  })
})
