import { spawn } from 'node:child_process'
import { existsSync, lstatSync, readFileSync, readlinkSync, statSync, writeFileSync } from 'node:fs'
import { mkdir, readdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { temporaryFolder, until } from '@countersign/ground/testkit'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { testLog } from '../testlog.ts'
import { type Postgres, startPostgres } from './start.ts'
import { wipe } from './wipe.ts'

const root = process.getuid?.() === 0
const shop = { name: 'shop', owner: 'shop', password: 'shop-password-0123456789' }
const till = { name: 'till', owner: 'till', password: 'till-password-0123456789' }
const { log, lines } = testLog()
const temporary = temporaryFolder()
const folder = join(temporary.path, 'postgres')
let server: Postgres

beforeAll(async () => {
  server = await startPostgres({ folder, log })
})
afterAll(async () => {
  await server.stop()
  await wipe(folder, log)
  temporary[Symbol.dispose]()
})

async function ask(url: string, sql: string, values: unknown[] = []): Promise<any[]> {
  const client = new pg.Client({ connectionString: url })
  try {
    await client.connect()
    return (await client.query(sql, values)).rows
  } finally {
    await client.end().catch(() => {})
  }
}
const urlOf = (who: typeof shop, database = who.name): string =>
  server.url({ database, user: who.owner, password: who.password })

describe('the server', () => {
  test('is the one of the package, durable, and listens on no TCP port', async () => {
    const [row] = await ask(
      server.adminUrl(),
      `SELECT current_setting('server_version') AS version, current_setting('fsync') AS fsync,
       current_setting('listen_addresses') AS tcp, current_setting('data_checksums') AS checksums,
       current_setting('server_encoding') AS encoding, inet_server_addr() AS address`,
    )
    expect(row).toEqual({
      version: server.version,
      fsync: 'on',
      tcp: '',
      checksums: 'on',
      encoding: 'UTF8',
      address: null,
    })
    expect(server.why).toContain('embedded')
  })

  test('lets nobody else into its folders', async () => {
    const data = join(folder, 'data')
    const base = root ? dirname(readlinkSync(data)) : folder
    for (const path of [folder, join(base, 'data'), join(base, 'run')]) {
      expect(statSync(path).mode & 0o077, path).toBe(0)
    }
    expect(statSync(join(folder, 'admin.password')).mode & 0o777).toBe(0o600)
    expect(existsSync(join(base, 'initdb.password'))).toBe(false)
  })

  test.runIf(root)('does not run as root', () => {
    const status = readFileSync(`/proc/${server.pid}/status`, 'utf8')
    expect(/^Uid:\s+(\d+)/m.exec(status)?.[1]).not.toBe('0')
    expect(/^Groups:[ \t]*(.*)$/m.exec(status)?.[1]?.trim()).toBe('')
  })

  test('inherits no environment of ours', () => {
    const seen = readFileSync(`/proc/${server.pid}/environ`, 'utf8')
    expect(seen.split('\0').map((pair) => pair.split('=')[0])).not.toContain('HOME')
  })
})

describe('createDatabase', () => {
  test('makes databases that only their own roles can enter', async () => {
    await Promise.all([server.createDatabase(shop), server.createDatabase(till)])
    await ask(urlOf(shop), 'CREATE TABLE things (id int)')
    await ask(urlOf(shop), 'INSERT INTO things VALUES (1)')
    expect(await ask(urlOf(shop), 'SELECT id FROM things')).toEqual([{ id: 1 }])
    for (const other of ['till', 'postgres', 'template1']) {
      await expect(ask(urlOf(shop, other), 'SELECT 1')).rejects.toThrow(/permission denied/)
    }
  })

  test('can be repeated, and sets a changed password', async () => {
    await server.createDatabase(shop)
    expect(await ask(urlOf(shop), 'SELECT id FROM things')).toEqual([{ id: 1 }])
    const changed = { ...shop, password: 'another-password-0123456789' }
    await server.createDatabase(changed)
    await expect(ask(urlOf(shop), 'SELECT 1')).rejects.toThrow(/password authentication failed/)
    expect(await ask(urlOf(changed), 'SELECT id FROM things')).toEqual([{ id: 1 }])
    await server.createDatabase(shop)
  })

  test('gives its roles no power over the server', async () => {
    for (const sql of ['CREATE ROLE x', 'CREATE DATABASE x', 'SELECT rolpassword FROM pg_authid']) {
      await expect(ask(urlOf(shop), sql)).rejects.toThrow(/permission denied/)
    }
    await expect(ask(urlOf(shop), `COPY (SELECT 1) TO PROGRAM 'id'`)).rejects.toThrow(/permission/)
  })

  test.each([
    { ...shop, name: 'a"; DROP DATABASE till; --' },
    { ...shop, owner: 'countersign' },
    { ...shop, name: 'postgres' },
    { ...shop, password: 'short' },
    { ...shop, password: "quote'quote'quote'\n" },
  ])('refuses names and passwords that could do harm: %#', async (wish) => {
    await expect(server.createDatabase(wish)).rejects.toMatchObject({ code: 'ENGINE_UNAVAILABLE' })
  })
})

describe('the life of the server', () => {
  test('data survives a stop, and a later start finds it', async () => {
    await server.stop()
    await server.exited
    server = await startPostgres({ folder, log })
    expect(await ask(urlOf(shop), 'SELECT id FROM things')).toEqual([{ id: 1 }])
  })

  test('stop is fast while sessions are open', async () => {
    const client = new pg.Client({ connectionString: urlOf(shop) })
    client.on('error', () => {})
    await client.connect()
    await client.query('BEGIN')
    await server.stop()
    server = await startPostgres({ folder, log })
  })

  test('a crash shows in exited, and committed data outlives it', async () => {
    await ask(urlOf(shop), 'INSERT INTO things VALUES (2)')
    process.kill(server.pid ?? 0, 'SIGKILL')
    await server.exited
    server = await startPostgres({ folder, log })
    expect(await ask(urlOf(shop), 'SELECT count(*)::int AS n FROM things')).toEqual([{ n: 2 }])
  })

  test('ends by itself when its supervisor is killed', async () => {
    await server.stop()
    const pid = await startAndKillSupervisor(folder)
    await until(() => !existsSync(`/proc/${pid}/cwd`), 'the orphan is gone', 8_000)
    server = await startPostgres({ folder, log })
    expect(await ask(urlOf(shop), 'SELECT count(*)::int AS n FROM things')).toEqual([{ n: 2 }])
  })

  test('a server that still runs on the folder is stopped first', async () => {
    const old = server
    server = await startPostgres({ folder, log })
    await old.exited
    expect(server.pid).not.toBe(old.pid)
    expect(await ask(urlOf(shop), 'SELECT 1 AS one')).toEqual([{ one: 1 }])
  })

  test('a pid file that names another process hurts nobody', async () => {
    await server.stop()
    const bystander = spawn('sleep', ['60'])
    const data = lstatSync(join(folder, 'data')).isSymbolicLink()
      ? readlinkSync(join(folder, 'data'))
      : join(folder, 'data')
    writeFileSync(join(data, 'postmaster.pid'), `${bystander.pid}\n${data}\n`)
    server = await startPostgres({ folder, log })
    expect(bystander.exitCode).toBe(null)
    bystander.kill()
  })
})

describe('what cannot be used is said clearly', () => {
  test('a lost password of the administrator', async () => {
    await server.stop()
    const file = join(folder, 'admin.password')
    const password = readFileSync(file, 'utf8')
    await import('node:fs/promises').then((fs) => fs.rm(file))
    await expect(startPostgres({ folder, log })).rejects.toThrow(/admin\.password is missing/)
    writeFileSync(file, password, { mode: 0o600 })
    server = await startPostgres({ folder, log })
  })

  test('a link to somewhere else', async () => {
    using other = temporaryFolder()
    await mkdir(join(other.path, 'target', 'data'), { recursive: true })
    const fs = await import('node:fs/promises')
    await fs.symlink(join(other.path, 'target', 'data'), join(other.path, 'data'))
    await expect(startPostgres({ folder: other.path, log })).rejects.toThrow(/remove it|as root/)
    await expect(wipe(other.path, log)).rejects.toThrow(/remove it/)
    expect(await readdir(join(other.path, 'target'))).toEqual(['data'])
  })
})

test('no password reaches a log', async () => {
  await expect(ask(urlOf(shop), "CREATE ROLE x PASSWORD 'secret-secret'")).rejects.toThrow()
  const text = lines.join('') + readFileSync(join(folder, 'postgres.log'), 'utf8')
  const admin = readFileSync(join(folder, 'admin.password'), 'utf8')
  for (const secret of [shop.password, till.password, admin, 'secret-secret', 'SCRAM-SHA-256$']) {
    expect(text).not.toContain(secret)
  }
})

test('wipe forgets everything, also while the server runs', async () => {
  const base = root ? dirname(readlinkSync(join(folder, 'data'))) : folder
  await wipe(folder, log)
  await server.exited
  expect(existsSync(folder) || existsSync(base)).toBe(false)
  await wipe(folder, log)
  server = await startPostgres({ folder, log })
  await server.createDatabase(shop)
  await expect(ask(urlOf(shop), 'SELECT id FROM things')).rejects.toThrow(/does not exist/)
})

/** Starts the engine in a process of its own, kills that process, and returns the engine's pid. */
async function startAndKillSupervisor(path: string): Promise<number> {
  const program = `
    import { createLog } from '@countersign/ground/telemetry'
    import { startPostgres } from '${new URL('./start.ts', import.meta.url).pathname}'
    const log = createLog({ service: 's', node: 's', level: 'silent' })
    const server = await startPostgres({ folder: ${JSON.stringify(path)}, log })
    console.log(server.pid)
    setInterval(() => {}, 1000)`
  const flags = ['--conditions=countersign:source', '--input-type=module', '-e', program]
  const child = spawn(process.execPath, flags, { cwd: import.meta.dirname })
  const pid = await new Promise<number>((resolve, reject) => {
    child.stdout.once('data', (data) => resolve(Number(String(data))))
    child.stderr.once('data', (data) => reject(new Error(String(data))))
  })
  child.kill('SIGKILL')
  return pid
}
