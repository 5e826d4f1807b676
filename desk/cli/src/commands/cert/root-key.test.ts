import { initialiseAuthority } from '@countersign/authority'
import { temporaryFolder } from '@countersign/ground/testkit'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { layoutOf } from '../../home/layout.ts'
import { ensureMasterKey } from '../../home/master-key.ts'
import { prepareHome } from '../../home/prepare.ts'
import type { Ask } from '../../terminal/ask.ts'
import { runLine } from '../../testing/run-line.ts'

const PASSPHRASE = 'seven quiet herons over cold water'

async function setUp(home: string) {
  const layout = layoutOf(home)
  await prepareHome(layout)
  const masterKey = await ensureMasterKey(layout, { COUNTERSIGN_MASTER_KEY_FILE: layout.masterKey })
  const folder = layout.pki
  await initialiseAuthority({
    folder,
    masterKey,
    trustDomain: 'test.local',
    instances: ['authority-1'],
  })
  const file = join(home, 'passphrase')
  writeFileSync(file, `${PASSPHRASE}\n`, { mode: 0o600 })
  const roots = (): string[] => readdirSync(join(folder, 'roots'))
  return { roots, passphraseFile: file, root: join(home, 'root.key') }
}
const answering = (...answers: (string | undefined)[]): Ask & { readonly asked: string[] } => {
  const asked: string[] = []
  return {
    asked,
    confirm: async () => false,
    secret: async (question) => {
      asked.push(question)
      return answers[asked.length - 1]
    },
  }
}

describe('the key of the root', () => {
  test('goes off line and comes back, with the passphrase from a file', async () => {
    using folder = temporaryFolder()
    const { roots, passphraseFile, root } = await setUp(folder.path)
    const [before = ''] = roots()
    const id = before.replace('.json', '')
    const line = `cert export-root ${root} --passphrase-file ${passphraseFile} --root ${id.slice(0, 8)}`
    const out = await runLine(folder.path, `${line} --json`)
    expect(out.code).toBe(0)
    expect(JSON.parse(out.out)).toMatchObject({ id, trustDomain: 'test.local', file: root })
    expect(roots()).toEqual([])
    expect(readFileSync(root, 'utf8')).not.toContain('PRIVATE KEY')
    const back = `cert import-root ${root} --passphrase-file ${passphraseFile}`
    expect((await runLine(folder.path, back)).code).toBe(0)
    expect(roots()).toEqual([before])
    expect(await runLine(folder.path, back)).toMatchObject({
      code: 1,
      notes: expect.stringContaining('here already'),
    })
  })

  test('asks at the terminal, twice for a new passphrase, and never shows it', async () => {
    using folder = temporaryFolder()
    const { roots, root } = await setUp(folder.path)
    const odd = answering(PASSPHRASE, `${PASSPHRASE}!`)
    expect((await runLine(folder.path, `cert export-root ${root}`, odd)).code).toBe(1)
    const gone = answering(undefined, undefined)
    expect((await runLine(folder.path, `cert export-root ${root}`, gone)).code).toBe(1)
    expect((await runLine(folder.path, `cert export-root ${root}`, answering('x', 'x'))).code).toBe(
      5,
    )
    expect(existsSync(root)).toBe(false)
    expect(roots()).toHaveLength(1)
    const twice = answering(PASSPHRASE, PASSPHRASE)
    const out = await runLine(folder.path, `cert export-root ${root}`, twice)
    expect(out.code).toBe(0)
    expect(twice.asked).toHaveLength(2)
    expect(`${out.out}${out.notes}`).not.toContain(PASSPHRASE)
    const wrong = answering(`${PASSPHRASE}?`)
    expect((await runLine(folder.path, `cert import-root ${root}`, wrong)).code).toBe(1)
    expect(roots()).toEqual([])
    const once = answering(PASSPHRASE)
    expect((await runLine(folder.path, `cert import-root ${root}`, once)).code).toBe(0)
    expect(once.asked).toHaveLength(1)
  })

  test('stays where nobody can be asked, where the root is unknown, and where there is none', async () => {
    using folder = temporaryFolder()
    const { roots, root, passphraseFile } = await setUp(folder.path)
    expect((await runLine(folder.path, `cert export-root ${root}`)).code).toBe(2)
    const other = `cert export-root ${root} --root ffff --passphrase-file ${passphraseFile}`
    expect(await runLine(folder.path, other)).toMatchObject({
      code: 2,
      notes: expect.stringContaining('no single root begins with'),
    })
    expect(roots()).toHaveLength(1)
    using empty = temporaryFolder()
    expect((await runLine(empty.path, `cert export-root ${root}`)).code).toBe(6)
  })
})
