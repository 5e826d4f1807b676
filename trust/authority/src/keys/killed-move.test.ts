import { fork } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createMasterKey } from '@countersign/ground/seal'
import { temporaryFolder } from '@countersign/ground/testkit'
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest'
import { initialiseAuthority } from '../pki/initialise-authority.ts'
import { openVault } from '../pki/signer-store.ts'
import { exportRoot, importRoot, type RootMove } from './offline-root.ts'
import { readRootFile } from './root-file.ts'

const PASSPHRASE = 'correct horse battery staple'
const trustDomain = 'test.local'
/** What was compiled once is not compiled at each start. */
const compiled = temporaryFolder()
afterAll(() => compiled[Symbol.dispose]())
let temporary: ReturnType<typeof temporaryFolder>
let move: RootMove
let keyFile: string
let id: string
const vault = () => openVault({ ...move, trustDomain })
beforeEach(async () => {
  temporary = temporaryFolder()
  keyFile = join(temporary.path, 'master.key')
  const masterKey = await createMasterKey(keyFile)
  const folder = join(temporary.path, 'pki')
  move = { folder, masterKey, file: join(temporary.path, 'root.json'), passphrase: PASSPHRASE }
  await initialiseAuthority({ folder, masterKey, trustDomain, instances: ['authority-1'] })
  id = (await vault().list())[0] ?? ''
})
afterEach(() => temporary[Symbol.dispose]())

describe('a root key whose move is killed', () => {
  const start = (way: 'export' | 'import', step = '') => {
    const args = [way, move.folder, keyFile, move.file, PASSPHRASE, step]
    const script = new URL('../testing/move-root.ts', import.meta.url)
    const env = { ...process.env, NODE_COMPILE_CACHE: compiled.path }
    return fork(script, args, { env, execArgv: ['--conditions=countersign:source'] })
  }
  /** The key is somewhere, whole, and the same one. */
  const holds = async (): Promise<{ here: boolean; there: boolean }> => {
    const here = (await vault().read(id))?.id === id
    const there = existsSync(move.file) && readRootFile(move.file, PASSPHRASE).id === id
    expect(here || there).toBe(true)
    return { here, there }
  }

  it.each([
    ['written', { here: true, there: true }],
    ['read back', { here: true, there: true }],
    ['removed', { here: false, there: true }],
  ])('on its way off line, when it was %s, is not lost, and goes on', async (step, expected) => {
    const [, signal] = await once(start('export', step), 'exit')
    expect(signal).toBe('SIGKILL')
    expect(await holds()).toEqual(expected)
    if (expected.here) await exportRoot(move)
    expect(await holds()).toEqual({ here: false, there: true })
  })

  it.each([
    ['opened', false],
    ['stored', true],
  ])('on its way back, when it was %s, is not lost, and goes on', async (step, here) => {
    await exportRoot(move)
    const [, signal] = await once(start('import', step), 'exit')
    expect(signal).toBe('SIGKILL')
    expect(await holds()).toEqual({ here, there: true })
    if (!here) await importRoot(move)
    expect(await holds()).toEqual({ here: true, there: true })
  })

  it.each(['export', 'import'] as const)(
    'at any moment of its %s is not lost',
    async (way) => {
      if (way === 'import') await exportRoot(move)
      // The whole way takes about 300 ms.
      for (let delayMs = 0; delayMs < 400; delayMs += 50) {
        const child = start(way)
        const ended = once(child, 'exit')
        await once(child, 'message')
        await sleep(delayMs)
        child.kill('SIGKILL')
        await ended
        const { here } = await holds()
        if (way === 'import') await vault().remove(id)
        else if (!here) await importRoot(move)
        if (way === 'export') rmSync(move.file, { force: true })
      }
    },
    60_000,
  )
})
