import { randomBytes } from 'node:crypto'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join, relative } from 'node:path'
import { createLog } from '@countersign/ground/telemetry'
import { temporaryFolder } from '@countersign/ground/testkit'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { layoutOf } from '../home/layout.ts'
import { prepareHome } from '../home/prepare.ts'
import { packEntries } from './entries.ts'
import { restoreState } from './restore-state.ts'
import { writeBackup } from './write-backup.ts'

const passphrase = 'correct horse battery staple'
const log = createLog({ service: 'desk', node: 'desk', level: 'silent' })
let folder: ReturnType<typeof temporaryFolder>
const at = (...path: string[]) => join(folder.path, ...path)
const layout = () => layoutOf(at('state'))
const write = (file = at('backup')) =>
  writeBackup({ layout: layout(), postgresData: undefined, file, passphrase, now: new Date() })
const restore = (file = at('backup'), secret = passphrase) =>
  restoreState({ root: at('restored'), file, passphrase: secret, log })

beforeEach(async () => {
  folder = temporaryFolder()
  await prepareHome(layout())
  writeFileSync(join(layout().pki, 'bundle.pem'), 'roots', { mode: 0o644 })
  writeFileSync(layout().credentials, 'people', { mode: 0o600 })
  writeFileSync(join(layout().secrets, 'a.secret'), '', { mode: 0o600 })
})
afterEach(() => folder[Symbol.dispose]())

/** Each path with its mode and, for a file, what is in it. */
function contentOf(root: string): Record<string, string> {
  const paths = readdirSync(root, { recursive: true, withFileTypes: true })
  const all = paths.map((entry) => {
    const path = join(entry.parentPath, entry.name)
    const mode = (statSync(path).mode & 0o777).toString(8)
    const text = entry.isFile() ? readFileSync(path).toString('base64') : 'folder'
    return [relative(root, path), `${mode} ${text}`]
  })
  return Object.fromEntries(all.sort())
}
/** Nothing but what was there before. */
function requireNothingLeft(): void {
  const names = readdirSync(folder.path).filter((name) => name.includes('restor'))
  expect(names).toEqual([])
}

describe('a backup', () => {
  test('brings back every file, folder and mode that counts, and nothing else', async () => {
    const { part, logs, identities, run, redis, pki, dynamo } = layout()
    mkdirSync(part('identity-1'), { recursive: true, mode: 0o700 })
    mkdirSync(join(pki, 'authority-1'), { mode: 0o700 })
    writeFileSync(join(part('identity-1'), 'signing-keys.sealed'), randomBytes(200_000), {
      mode: 0o600,
    })
    const kept = contentOf(layout().root)
    for (const path of [
      join(logs, 'order-1.log'),
      join(identities, 'key.pem'),
      join(run, 'supervisor.json.lock'),
      join(redis, 'users.acl'),
      join(pki, 'authority-1', 'tokens.jsonl'),
      join(pki, 'authority-1', 'authority.db-shm'),
      join(pki, 'bundle.pem.0123456789ab.tmp'),
      join(dynamo, 'dynamo.pid'),
    ])
      writeFileSync(path, 'not for a backup')
    const written = await write()
    expect(statSync(at('backup')).mode & 0o777).toBe(0o600)
    expect(readFileSync(at('backup')).includes('people')).toBe(false)
    const read = await restore()
    expect(read).toMatchObject({ files: written.files, bytes: written.bytes })
    expect(contentOf(at('restored'))).toEqual(kept)
    expect(statSync(at('restored')).mode & 0o777).toBe(0o700)
  })

  test('is never written over another file', async () => {
    writeFileSync(at('backup'), 'an older one')
    await expect(write()).rejects.toThrow(/never overwritten/)
    expect(readFileSync(at('backup'), 'utf8')).toBe('an older one')
    expect(readdirSync(folder.path).sort()).toEqual(['backup', 'state'])
    await expect(write(at('no', 'folder'))).rejects.toMatchObject({ code: 'ENVIRONMENT' })
  })

  test('holds no link, since what it leads to would be missing', async () => {
    symlinkSync('/etc/passwd', join(layout().pki, 'link'))
    await expect(write()).rejects.toThrow(/is a link/)
    expect(existsSync(at('backup'))).toBe(false)
  })

  test('of a large state takes little memory', async () => {
    const size = 250_000_000
    writeFileSync(join(layout().dynamo, 'large'), '')
    truncateSync(join(layout().dynamo, 'large'), size)
    const before = process.resourceUsage().maxRSS
    expect((await write()).bytes).toBeGreaterThan(size)
    expect(process.resourceUsage().maxRSS - before).toBeLessThan(160_000)
  }, 60_000)
})

describe('a restore', () => {
  test('touches nothing where something is already', async () => {
    await write()
    mkdirSync(at('restored'))
    writeFileSync(at('restored', 'mine'), 'mine')
    await expect(restore()).rejects.toThrow(/is not empty.*COUNTERSIGN_HOME/s)
    expect(readdirSync(at('restored'))).toEqual(['mine'])
    rmSync(at('restored', 'mine'))
    await restore()
    expect(existsSync(at('restored', 'version.json'))).toBe(true)
  })

  test('tells a wrong passphrase from a file that is none, and from none at all', async () => {
    await write()
    await expect(restore(at('backup'), 'another passphrase')).rejects.toThrow(
      /passphrase is not the one/,
    )
    for (const [name, text] of [
      ['text', 'hello\n'],
      ['empty', ''],
      [
        'newer',
        readFileSync(at('backup')).toString('latin1').replace('"version":1', '"version":2'),
      ],
      ['zeros', '\0'.repeat(100_000)],
    ] as const) {
      writeFileSync(at(name), text, 'latin1')
      await expect(restore(at(name)), name).rejects.toThrow(/no backup of countersign/)
    }
    await expect(restore(at('nowhere'))).rejects.toThrow(/there is no file/)
    requireNothingLeft()
  })

  test('of a file with a flipped bit or a missing end leaves nothing', async () => {
    writeFileSync(join(layout().dynamo, 'random'), randomBytes(300_000), { mode: 0o600 })
    await write()
    const whole = readFileSync(at('backup'))
    const start = whole.indexOf('\n') + 1
    const spots = Array.from(
      { length: 5 },
      (_, i) => start + Math.floor(((whole.length - start) * i) / 5),
    )
    for (const spot of [30, ...spots, whole.length - 1]) {
      const changed = Buffer.from(whole)
      changed[spot] = (changed[spot] ?? 0) ^ 1
      writeFileSync(at('changed'), changed)
      await expect(restore(at('changed')), `bit at ${spot}`).rejects.toMatchObject({
        code: 'FAILED',
      })
    }
    for (const end of [start, start + 100, start + 65_552, whole.length - 1]) {
      writeFileSync(at('changed'), whole.subarray(0, end))
      await expect(restore(at('changed')), `cut at ${end}`).rejects.toMatchObject({
        code: 'FAILED',
      })
    }
    writeFileSync(at('changed'), Buffer.concat([whole, Buffer.from('more')]))
    await expect(restore(at('changed'))).rejects.toMatchObject({ code: 'FAILED' })
    requireNothingLeft()
  })
})

test('a file that grows or shrinks while it is copied is an error', async () => {
  writeFileSync(at('file'), 'twelve bytes')
  for (const size of [11, 13]) {
    async function* entries() {
      yield {
        entry: { type: 'file', path: 'file', mode: 0o600, size } as const,
        source: at('file'),
      }
    }
    const reading = async () => {
      for await (const _ of packEntries(entries()));
    }
    await expect(reading()).rejects.toThrow(/changes while it is copied/)
  }
})
