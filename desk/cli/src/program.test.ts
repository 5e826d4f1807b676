import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { freePort, temporaryFolder } from '@countersign/ground/testkit'
import { describe, expect, test } from 'vitest'
import { layoutOf } from './home/layout.ts'
import { takeLock } from './home/lock.ts'
import { prepareHome } from './home/prepare.ts'
import { runLineIn } from './testing/run-line.ts'

const run = (folder: string, line: string, env: Record<string, string> = {}) =>
  runLineIn(folder, line, { env })

describe('a command line', () => {
  test('that is not understood ends with 2 and a hint', async () => {
    using folder = temporaryFolder()
    expect(await run(folder.path, 'statsu')).toMatchObject({
      code: 2,
      notes: expect.stringContaining('Did you mean status?'),
    })
    expect(await run(folder.path, 'up --detatch')).toMatchObject({
      code: 2,
      notes: expect.stringContaining('--detach'),
    })
    expect((await run(folder.path, 'explain')).code).toBe(2)
    expect((await run(folder.path, 'logs -n many')).code).toBe(2)
    expect((await run(folder.path, '--version')).code).toBe(0)
  })

  test('run takes the name of a service of the platform from a person, not from a folder', async () => {
    using folder = temporaryFolder()
    writeFileSync(join(folder.path, 'main.ts'), '')
    const file = { service: 'user', home: '.countersign' }
    writeFileSync(join(folder.path, '.countersign.json'), JSON.stringify(file))
    const { code, notes } = await run(folder.path, 'run main.ts')
    expect(code).toBe(2)
    expect(notes).toContain('add --name user')
    expect((await run(folder.path, 'run main.ts --name user')).code).toBe(3)
  })

  test.each([
    'status',
    'tour',
    'token',
    'explain some-id',
    'audit tail',
    'down',
    'prometheus',
    'up order-1',
    'token keys',
    'admin-env',
    'gateway status',
    'gateway history',
    'gateway export',
    'gateway rollback 3 --yes',
    'adopt order-service --port 3000',
  ])('%s ends with 3 where nothing runs, and says how to start', async (line) => {
    using folder = temporaryFolder()
    const { code, notes, out } = await run(folder.path, line)
    expect(code).toBe(3)
    expect(notes).toContain(folder.path)
    expect(notes).toContain('countersign up')
    expect(out).toBe('')
  })

  test('up ends with 5 and all mistakes where the configuration is broken', async () => {
    using folder = temporaryFolder()
    writeFileSync(
      join(folder.path, 'countersign.yaml'),
      'publicPort: x\nredis: y\ntokns:\n  ttl: 1\n',
    )
    for (const line of ['up', 'up --detach']) {
      const { code, notes } = await run(folder.path, line)
      expect(code).toBe(5)
      for (const at of [1, 2, 3]) expect(notes).toContain(`countersign.yaml:${at}:`)
    }
    expect(existsSync(join(folder.path, '.countersign'))).toBe(false)
  })

  test('up ends with 4 where it runs already', async () => {
    using folder = temporaryFolder()
    const layout = layoutOf(join(folder.path, '.countersign'))
    await prepareHome(layout)
    const release = await takeLock(layout)
    for (const line of ['up', 'up --detach']) {
      const { code, notes } = await run(folder.path, line)
      expect(code).toBe(4)
      expect(notes).toContain(`pid ${process.pid}`)
    }
    await release()
  })

  test('up ends with 6 where the port is taken, and leaves nothing behind', async () => {
    using folder = temporaryFolder()
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const address = server.address()
    const port = String(typeof address === 'object' && address !== null ? address.port : 0)
    const { code, notes } = await run(folder.path, 'up', { COUNTERSIGN_PUBLIC_PORT: port })
    expect(code).toBe(6)
    expect(notes).toContain(`port ${port} is taken`)
    expect(existsSync(layoutOf(join(folder.path, '.countersign')).lock)).toBe(false)
    await new Promise((resolve) => server.close(resolve))
  })

  test('up ends with 6 where the port of the Admin API is taken, and says which setting moves it', async () => {
    using folder = temporaryFolder()
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const address = server.address()
    const port = String(typeof address === 'object' && address !== null ? address.port : 0)
    const free = await freePort()
    const env = { COUNTERSIGN_PUBLIC_PORT: String(free), COUNTERSIGN_ADMIN_PORT: port }
    const { code, notes } = await run(folder.path, 'up', env)
    expect(code).toBe(6)
    expect(notes).toContain(`port ${port} is taken`)
    expect(notes).toContain('COUNTERSIGN_ADMIN_PORT=<port>')
    await new Promise((resolve) => server.close(resolve))
  })

  test('up ends with 6 where the state folder cannot be used', async () => {
    using folder = temporaryFolder()
    const file = join(folder.path, 'file')
    writeFileSync(file, '')
    const { code, notes } = await run(folder.path, 'up', { COUNTERSIGN_HOME: join(file, 'state') })
    expect(code).toBe(6)
    expect(notes).toContain('COUNTERSIGN_HOME')
    writeFileSync(join(folder.path, 'version.json'), '{"version":2}')
    expect(await run(folder.path, 'up', { COUNTERSIGN_HOME: folder.path })).toMatchObject({
      code: 6,
      notes: expect.stringContaining('newer countersign'),
    })
  })

  test('up ends with 6 where the configured Redis is not there, and does not print its password', async () => {
    using folder = temporaryFolder()
    const [port, free] = [await freePort(), await freePort()]
    const env = {
      COUNTERSIGN_PUBLIC_PORT: String(free),
      COUNTERSIGN_ADMIN_PORT: '0',
      COUNTERSIGN_REDIS: `redis://u:hunter2@127.0.0.1:${port}`,
    }
    const { code, notes } = await run(folder.path, 'up', env)
    expect(code).toBe(6)
    expect(notes).toContain(`the Redis at 127.0.0.1:${port} cannot be reached (ECONNREFUSED)`)
    expect(notes).not.toContain('hunter2')
  })

  test('audit verify without a log ends with 1', async () => {
    using folder = temporaryFolder()
    expect((await run(folder.path, 'audit verify')).code).toBe(1)
  })

  test('doctor finds what is wrong and says what to do', async () => {
    using folder = temporaryFolder()
    expect((await run(folder.path, 'doctor')).code).toBe(0)
    const layout = layoutOf(join(folder.path, '.countersign'))
    await prepareHome(layout)
    writeFileSync(layout.credentials, '[]', { mode: 0o644 })
    const { code, out } = await run(folder.path, 'doctor --json')
    expect(code).toBe(1)
    expect(JSON.parse(out)).toMatchObject({
      ok: false,
      findings: expect.arrayContaining([
        expect.objectContaining({
          name: 'state folder',
          health: 'broken',
          remedy: expect.stringContaining('chmod'),
        }),
      ]),
    })
  })
})

describe('countersign new', () => {
  test('writes into an empty folder, with all that the service needs', async () => {
    using folder = temporaryFolder()
    expect(await run(folder.path, 'new hello')).toMatchObject({ code: 0, out: 'npm start' })
    const manifest = JSON.parse(readFileSync(join(folder.path, 'package.json'), 'utf8'))
    expect(manifest.scripts.start).toBe('countersign run main.ts')
    for (const path of ['@countersign/service', '@countersign/contract', 'zod', '.bin/countersign'])
      expect(existsSync(join(folder.path, 'node_modules', path))).toBe(true)
    const code = readFileSync(join(folder.path, 'main.ts'), 'utf8')
    expect(code.trim().split('\n').length).toBeLessThanOrEqual(10)
  })

  test('writes below a folder that is not empty, and nothing over what is there', async () => {
    using folder = temporaryFolder()
    mkdirSync(join(folder.path, 'other'))
    expect(await run(folder.path, 'new hello')).toMatchObject({
      code: 0,
      out: 'cd hello && npm start',
    })
    expect((await run(folder.path, 'new hello')).code).toBe(2)
  })

  test('refuses names that cannot be', async () => {
    using folder = temporaryFolder()
    for (const name of ['Hello', '../x', 'gateway', 'order', '1st', 'desk'])
      expect((await run(folder.path, `new ${name}`)).code).toBe(2)
  })

  test('remembers the platform: other commands find it from the new folder', async () => {
    using folder = temporaryFolder()
    const home = join(folder.path, 'platform', 'state')
    const own = join(folder.path, 'service')
    mkdirSync(own)
    await run(own, 'new hello', { COUNTERSIGN_HOME: home })
    expect((await run(own, 'status')).notes).toContain(home)
  })
})
