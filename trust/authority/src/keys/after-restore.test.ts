import { cpSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { createLog } from '@countersign/ground/telemetry'
import { temporaryFolder } from '@countersign/ground/testkit'
import { expect, it } from 'vitest'
import { openStore } from '../store/store.ts'
import { JoinTokens } from '../token/join-tokens.ts'
import { hashToken } from '../token/token.ts'
import { afterRestore } from './after-restore.ts'

const log = createLog({ service: 'authority', node: 'test', level: 'silent' })

it('after a restore no join token of before is good', async () => {
  using temporary = temporaryFolder()
  const [folder, kept] = [join(temporary.path, 'pki'), join(temporary.path, 'kept')]
  const instance = join(folder, 'authority-1')
  for (const path of [instance, join(folder, 'roots')])
    mkdirSync(path, { recursive: true, mode: 0o700 })
  const open = async () => {
    const store = openStore(instance)
    return { store, tokens: await JoinTokens.open({ store, folder: instance, now: Date.now, log }) }
  }
  const fresh: string[] = []
  const foreign = {
    hash: hashToken('of a service account'),
    name: 'order',
    expiresAt: Date.now() + 60_000,
  }
  {
    const { store, tokens } = await open()
    for (const name of ['order', 'user']) fresh.push((await tokens.mint(name, 60_000)).token)
    tokens.admit(foreign.hash, foreign)
    await tokens.spend(foreign.hash)
    await store.close()
  }
  cpSync(folder, kept, { recursive: true })
  {
    // They are spent after the backup was taken, which therefore knows nothing of it.
    const { store, tokens } = await open()
    for (const token of fresh) await tokens.spend(tokens.find(token).hash)
    await store.close()
  }
  rmSync(folder, { recursive: true })
  cpSync(kept, folder, { recursive: true })
  await afterRestore(folder)
  const { store, tokens } = await open()
  const refused = expect.objectContaining({ code: 'TOKEN_REFUSED' })
  for (const token of fresh) expect(() => tokens.find(token)).toThrow(refused)
  expect(() => tokens.admit(foreign.hash, foreign)).toThrow(refused)
  await store.close()
})
