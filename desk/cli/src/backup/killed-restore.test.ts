import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createLog } from '@countersign/ground/telemetry'
import { temporaryFolder, until } from '@countersign/ground/testkit'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { layoutOf } from '../home/layout.ts'
import { prepareHome } from '../home/prepare.ts'
import { restoreState } from './restore-state.ts'
import { writeBackup } from './write-backup.ts'

const passphrase = 'correct horse battery staple'
const log = createLog({ service: 'desk', node: 'desk', level: 'silent' })
let folder: ReturnType<typeof temporaryFolder>
const at = (...path: string[]) => join(folder.path, ...path)
const layout = () => layoutOf(at('state'))
beforeEach(async () => {
  folder = temporaryFolder()
  await prepareHome(layout())
})
afterEach(() => folder[Symbol.dispose]())

/** Whether all is there that was. */
const requireWhole = () => {
  for (const path of ['version.json', 'dynamo/random'])
    expect(readFileSync(at('restored', path)).equals(readFileSync(at('state', path)))).toBe(true)
}

describe('a restore that is killed', () => {
  test('has brought all or nothing, and the next one cleans up after it', async () => {
    writeFileSync(join(layout().dynamo, 'random'), randomBytes(16_000_000), { mode: 0o600 })
    writeFileSync(at('passphrase'), passphrase, { mode: 0o600 })
    const [file, now] = [at('backup'), new Date()]
    await writeBackup({ layout: layout(), postgresData: undefined, file, passphrase, now })
    // Without the launcher, which would be killed in place of its child.
    const main = ['--conditions=countersign:source', join(import.meta.dirname, '../main.ts')]
    const command = [...main, 'restore', at('backup'), '--passphrase-file', at('passphrase')]
    const env = { PATH: process.env.PATH, COUNTERSIGN_HOME: at('restored') }
    const leftovers = () => readdirSync(folder.path).filter((name) => name.includes('restoring'))
    let cut = 0
    // Six of them; more only where each was over before it was killed.
    for (let round = 0; round < 6 || (cut === 0 && round < 24); round++) {
      const child = spawn(process.execPath, command, { env, stdio: 'ignore' })
      const ended = once(child, 'exit')
      const begun = () => leftovers().some((name) => name.includes(`-${child.pid}-`))
      await until(() => begun() || child.exitCode !== null, 'a restore that has begun', 30_000)
      await sleep((round % 6) * 15)
      child.kill('SIGKILL')
      await ended
      cut += begun() ? 1 : 0
      if (existsSync(at('restored'))) requireWhole()
      rmSync(at('restored'), { recursive: true, force: true })
    }
    expect(cut).toBeGreaterThan(0)
    // Each of them has cleaned up after the one before.
    expect(leftovers().length).toBeLessThanOrEqual(1)
    await restoreState({ root: at('restored'), file, passphrase, log })
    requireWhole()
    expect(readdirSync(folder.path).sort()).toEqual(['backup', 'passphrase', 'restored', 'state'])
  }, 120_000)
})
