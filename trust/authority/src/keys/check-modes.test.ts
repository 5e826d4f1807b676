import { spawnSync } from 'node:child_process'
import { chmodSync, chownSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryFolder } from '@countersign/ground/testkit'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openStore } from '../store/store.ts'
import { findLoose, requirePrivate } from './check-modes.ts'

const NOBODY = 65_534
const root = process.getuid?.() === 0
let folder: ReturnType<typeof temporaryFolder>
const at = (...path: string[]) => join(folder.path, ...path)
beforeEach(() => {
  folder = temporaryFolder()
  mkdirSync(at('roots'), { mode: 0o700 })
  mkdirSync(at('authority-1'), { mode: 0o700 })
  for (const path of ['master.key', 'roots/a.json', 'authority-1/authority.db'])
    writeFileSync(at(path), '', { mode: 0o600 })
  writeFileSync(at('bundle.pem'), '', { mode: 0o644 })
})
afterEach(() => folder[Symbol.dispose]())

describe('a folder with secrets', () => {
  it('may be used where it is for its owner alone', () => {
    expect(findLoose([folder.path, at('not-there')])).toEqual([])
    requirePrivate([folder.path])
  })

  it.each([
    ['.', 0o750, '700'],
    ['roots', 0o701, '700'],
    ['authority-1', 0o720, '700'],
    ['master.key', 0o640, '600'],
    ['roots/a.json', 0o604, '600'],
    ['authority-1/authority.db', 0o620, '600'],
    ['bundle.pem', 0o664, '644'],
  ])('is refused where %s has mode %o, with the command that closes it', (path, mode, closed) => {
    const name = path === '.' ? folder.path : at(path)
    chmodSync(name, mode)
    const remedy = `chmod ${closed} ${name}`
    expect(findLoose([folder.path])).toEqual([
      { path: name, found: `has mode 0${mode.toString(8)}`, remedy },
    ])
    expect(() => requirePrivate([folder.path])).toThrow(
      expect.objectContaining({
        code: 'MODES_TOO_WIDE',
        message: expect.stringContaining(`${name} has mode 0${mode.toString(8)}; do: ${remedy}`),
      }),
    )
  })

  it('names all that is open at once', () => {
    for (const path of ['master.key', 'roots/a.json']) chmodSync(at(path), 0o644)
    expect(() => requirePrivate([folder.path])).toThrow(/master\.key.*\n.*roots\/a\.json/s)
  })

  it('is looked at through links', () => {
    writeFileSync(at('elsewhere'), '')
    chmodSync(at('elsewhere'), 0o644)
    symlinkSync(at('elsewhere'), at('roots', 'link.json'))
    symlinkSync(at('nowhere'), at('roots', 'dead.json'))
    expect(findLoose([at('roots')]).map(({ path }) => path)).toEqual([at('roots', 'link.json')])
  })

  it('is looked at so far and no farther', () => {
    const deep = at('authority-1', 'a', 'b')
    mkdirSync(deep, { recursive: true, mode: 0o700 })
    writeFileSync(join(deep, 'open'), '')
    chmodSync(join(deep, 'open'), 0o644)
    expect(findLoose([folder.path])).toHaveLength(1)
    expect(findLoose([folder.path], 2)).toEqual([])
  })

  it('holds no store that others can read', () => {
    const wide = at('authority-1', 'authority.db')
    chmodSync(wide, 0o644)
    expect(() => openStore(at('authority-1'))).toThrow(/chmod 600 .*authority\.db/)
  })
})

describe.skipIf(!root)('a folder with secrets, where we are root', () => {
  it('is refused where a file in it belongs to somebody else', () => {
    chownSync(at('master.key'), NOBODY, NOBODY)
    expect(findLoose([folder.path])).toEqual([
      {
        path: at('master.key'),
        found: `belongs to the user with id ${NOBODY}`,
        remedy: `chown 0 ${at('master.key')}`,
      },
    ])
  })

  it('is judged the same by an ordinary user', () => {
    const owned = ['.', 'roots', 'authority-1', 'master.key', 'roots/a.json', 'bundle.pem']
    for (const path of [...owned, 'authority-1/authority.db']) chownSync(at(path), NOBODY, NOBODY)
    const say = `import { findLoose } from ${JSON.stringify(`${import.meta.dirname}/check-modes.ts`)}
console.log(JSON.stringify(findLoose([${JSON.stringify(folder.path)}]).map(({ path }) => path)))`
    const asNobody = (): string => {
      const flags = ['--conditions=countersign:source', '--input-type=module', '-e', say]
      const ended = spawnSync(process.execPath, flags, {
        uid: NOBODY,
        gid: NOBODY,
        encoding: 'utf8',
      })
      return ended.stdout + ended.stderr
    }
    expect(asNobody()).toBe('[]\n')
    chmodSync(at('master.key'), 0o640)
    expect(asNobody()).toBe(`${JSON.stringify([at('master.key')])}\n`)
    chmodSync(at('master.key'), 0o600)
    chownSync(at('roots'), 0, 0)
    expect(asNobody()).toContain(`the mode of ${at('roots')} cannot be read (EACCES)`)
  })
})
