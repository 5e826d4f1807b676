import { spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { workloadId } from '@countersign/contract'
import { temporaryFolder, until } from '@countersign/ground/testkit'
import type { Joined } from '@countersign/service'
import { describe, expect, test } from 'vitest'
import type { Desk } from '../desk.ts'
import { NODE_FLAGS } from '../supervisor/process-runner.ts'
import { createTestPki, TRUST_DOMAIN } from '../testing/test-pki.ts'
import { Adopted } from './adopted.ts'
import { requireOurs } from './certificate-files.ts'

const pki = await createTestPki()
const id = workloadId(TRUST_DOMAIN, 'legacy')
/** Says in a file what happens to it, and which certificate it has found. */
const PROGRAM = `
const { appendFileSync, readFileSync } = require('node:fs')
const note = (what) => appendFileSync('said', what + ' ' + readFileSync('server-cert.pem', 'utf8').slice(28, 100).replace('\\n', '') + '\\n')
process.on('SIGHUP', () => note('reload'))
process.on('SIGTERM', () => { note('stop'); process.exit(0) })
note('start')
setInterval(() => {}, 1000)
`

async function workload() {
  let held = await pki.issue(id)
  const listeners = new Set<() => void>()
  const identity = {
    current: () => held,
    bundle: () => pki.root,
    onChange: (listener: () => void) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
  return {
    joined: { identity } as unknown as Joined,
    certificate: () => held.chain,
    renew: async () => {
      held = await pki.issue(id)
      for (const listener of listeners) listener()
    },
  }
}

function adopt(folder: string, command: readonly string[], reload?: NodeJS.Signals) {
  const notes: string[] = []
  const output = { note: (text: string) => void notes.push(text) }
  const desk = { folder, env: { PATH: process.env.PATH }, output } as unknown as Desk
  const adopted = new Adopted({ desk, name: 'legacy', port: undefined, folder, reload, command })
  return { adopted, notes }
}
const said = (folder: string): string[] => {
  const path = join(folder, 'said')
  return existsSync(path) ? readFileSync(path, 'utf8').trim().split('\n') : []
}
const words = (folder: string): string[] => said(folder).map((line) => line.split(' ')[0] ?? '')

describe('an adopted program', () => {
  test('finds its certificate, starts anew with the next one, and leaves no key behind', async () => {
    using temporary = temporaryFolder()
    const folder = temporary.path
    writeFileSync(join(folder, 'program.cjs'), PROGRAM)
    const { joined, certificate, renew } = await workload()
    const { adopted } = adopt(folder, [process.execPath, 'program.cjs'])
    const ended = adopted.run(joined)
    await until(() => said(folder).length === 1, 'the first start')
    expect(readFileSync(join(folder, 'server-cert.pem'), 'utf8')).toBe(certificate())
    expect(readFileSync(join(folder, 'ca-cert.pem'), 'utf8')).toBe(pki.root)
    for (const name of ['server-key.pem', 'server-cert.pem', 'ca-cert.pem'])
      expect(statSync(join(folder, name)).mode & 0o777).toBe(0o600)
    await renew()
    await until(() => said(folder).length === 3, 'the second start')
    expect(words(folder)).toEqual(['start', 'stop', 'start'])
    const [first, , second] = said(folder)
    expect(second).not.toBe(first)
    adopted.end()
    expect(await ended).toBeUndefined()
    expect(words(folder)).toEqual(['start', 'stop', 'start', 'stop'])
    expect(readdirSync(folder).sort()).toEqual(['program.cjs', 'said'])
  })

  test('that reads its files again at a signal is told, and stays', async () => {
    using temporary = temporaryFolder()
    const folder = temporary.path
    writeFileSync(join(folder, 'program.cjs'), PROGRAM)
    const { joined, renew } = await workload()
    const { adopted } = adopt(folder, [process.execPath, 'program.cjs'], 'SIGHUP')
    const ended = adopted.run(joined)
    await until(() => said(folder).length === 1, 'the start')
    await renew()
    await until(() => words(folder).includes('reload'), 'the signal')
    adopted.end()
    await ended
    expect(words(folder)).toEqual(['start', 'reload', 'stop'])
  })

  test('that ends by itself ends it all, and says how', async () => {
    using temporary = temporaryFolder()
    const { joined } = await workload()
    const { adopted } = adopt(temporary.path, [process.execPath, '-e', 'process.exit(3)'])
    expect(await adopted.run(joined)).toMatch(/ended \(exit code 3\)$/)
    const none = adopt(temporary.path, ['no-such-program'])
    expect(await none.adopted.run(joined)).toBe('no-such-program ended (there is no such program)')
    expect(readdirSync(temporary.path)).toEqual([])
  })
})

test('a program ends with whoever has started it, however that ends', async () => {
  using temporary = temporaryFolder()
  const folder = temporary.path
  const pidOf = (): number => Number(readFileSync(join(folder, 'pid'), 'utf8'))
  const program = `require('node:fs').writeFileSync('pid', String(process.pid)); setInterval(() => {}, 1000)`
  const main = `
    import { ChildCommand } from ${JSON.stringify(join(import.meta.dirname, 'child-command.ts'))}
    const where = { folder: ${JSON.stringify(folder)}, env: process.env }
    await new ChildCommand([process.execPath, '-e', ${JSON.stringify(program)}], where, () => {}).start()
    setInterval(() => {}, 1000)
  `
  const file = join(folder, 'main.mts')
  writeFileSync(file, main)
  const parent = spawn(process.execPath, [...NODE_FLAGS, file], { stdio: 'inherit' })
  await until(() => existsSync(join(folder, 'pid')) && pidOf() > 0, 'the program')
  parent.kill('SIGKILL')
  await until(() => !runs(pidOf()), 'its end')
})

function runs(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

test('files of somebody else are not written over', async () => {
  using temporary = temporaryFolder()
  const folder = temporary.path
  await requireOurs(folder, id)
  writeFileSync(join(folder, 'server-key.pem'), 'a key of theirs')
  await expect(requireOurs(folder, id)).rejects.toThrow('--certs')
  const other = await pki.issue(workloadId(TRUST_DOMAIN, 'other'))
  writeFileSync(join(folder, 'server-cert.pem'), other.chain)
  await expect(requireOurs(folder, id)).rejects.toThrow(id)
  writeFileSync(join(folder, 'server-cert.pem'), (await pki.issue(id)).chain)
  await requireOurs(folder, id)
})
