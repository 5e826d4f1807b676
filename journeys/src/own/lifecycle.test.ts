import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { freePort, until } from '@countersign/ground/testkit'
import { afterAll, describe, expect, test } from 'vitest'
import { processEnv } from '../config/env.ts'
import { collect, desk, REPOSITORY, startDesk } from '../support/desk.ts'
import { ownFolder } from '../support/own-folder.ts'
import { type Platform, startPlatform } from '../support/platform.ts'

/* Starting, looking, stopping: what a newcomer does in the first five minutes, and what can go wrong in them. */
const run = promisify(execFile)

describe('npm start', () => {
  test('ends with a curl line that works as printed, and Ctrl-C leaves no process', async () => {
    const home = ownFolder('csj-')
    const env = {
      COUNTERSIGN_PUBLIC_PORT: String(await freePort()),
      COUNTERSIGN_ADMIN_PORT: '0',
      COUNTERSIGN_GATEWAYS: '3',
    }
    const child = startDesk(['up'], { home, env })
    const said = collect(child)
    await until(() => said().stdout.includes('curl '), 'the table and the curl line', 60_000)
    const line =
      said().stdout.slice(said().stdout.lastIndexOf('curl ')).split('\n\n')[0]?.trim() ?? ''
    // `npx countersign` finds the command in a checkout; here the checkout is named.
    const bin = join(REPOSITORY, 'node_modules/.bin')
    const shell = await run('bash', ['-c', `${line} -s -o /dev/null -w '%{http_code}'`], {
      cwd: home,
      env: { ...processEnv(), ...env, COUNTERSIGN_HOME: home, PATH: `${bin}:${processEnv().PATH}` },
    })
    expect(shell.stdout.slice(-3), `${line}\n${shell.stdout}${shell.stderr}`).toBe('201')
    const { processes } = JSON.parse((await desk(['status', '--json'], { home, env })).stdout)
    const pids = processes.map((each: { pid: number }) => each.pid)
    const gateways = processes.filter((each: { service: string }) => each.service === 'gateway')
    expect(gateways.map((each: { health: string }) => each.health)).toEqual(Array(3).fill('ready'))
    child.kill('SIGINT')
    const code = await new Promise((done) => child.once('close', done))
    expect(code).toBe(0)
    await until(() => pids.every((pid: number) => !alive(pid)), 'all processes gone', 30_000)
    expect((await desk(['down', '--wipe'], { home, env })).code).toBe(0)
  })
})

describe('up --detach', () => {
  let platform: Platform
  afterAll(() => platform?.stop('--wipe'))

  test('returns when all is ready; status names every process', async () => {
    platform = await startPlatform()
    const processes = await platform.processes()
    for (const each of processes) {
      expect(each).toMatchObject({
        name: expect.any(String),
        pid: expect.any(Number),
        health: 'ready',
      })
      expect(each.spiffeId).toMatch(/^spiffe:\/\/countersign\.local\/(platform|service|gateway)\//)
      expect(Date.parse(each.certificate.notAfter)).toBeGreaterThan(Date.now())
    }
    expect(processes.map((each) => each.name).sort()).toEqual(
      [
        'audit-1',
        'authority-1',
        'authority-2',
        'balancer-1',
        'control-1',
        'gateway-1',
        'gateway-2',
        'identity-1',
        'order-1',
        'payment-1',
        'registry-1',
        'user-1',
      ].sort(),
    )
  })

  test('a second one says that it already runs', async () => {
    const again = await platform.desk('up', '--detach')
    expect(again.code).not.toBe(0)
    expect(again.stderr).toContain('already runs')
  })
})

describe('what can go wrong gives one clear message and a code', () => {
  test('a taken port', async () => {
    const home = ownFolder('csj-')
    const server = createServer().listen(0, '127.0.0.1')
    await new Promise((done) => server.once('listening', done))
    const { port } = server.address() as { port: number }
    const ended = await desk(['up', '--detach'], {
      home,
      env: { COUNTERSIGN_PUBLIC_PORT: String(port) },
    })
    server.close()
    expect(ended.code).not.toBe(0)
    expect(ended.stderr).toContain(String(port))
    expect(ended.stderr).not.toContain('    at ')
  })

  test('a state folder that cannot be written', async () => {
    const folder = ownFolder('csj-')
    // A file where the folder should be: nobody can write there, root included.
    writeFileSync(join(folder, 'taken'), '')
    const ended = await desk(['up', '--detach'], { home: join(folder, 'taken/state'), cwd: folder })
    expect(ended.code).not.toBe(0)
    expect(ended.stderr).toContain('taken/state')
    expect(ended.stderr).not.toContain('    at ')
  })

  test('three mistakes in countersign.yaml, all at once, each with its line', async () => {
    const home = ownFolder('csj-')
    const cwd = join(home, 'work')
    mkdirSync(cwd)
    writeFileSync(
      join(cwd, 'countersign.yaml'),
      'publicPort: 99999\ntrustDomian: x\ncertificates:\n  leafTtl: soon\n',
    )
    const ended = await desk(['up', '--detach'], { home: join(home, 'state'), cwd })
    expect(ended.code).not.toBe(0)
    for (const line of [1, 2, 4]) expect(ended.stderr).toContain(`countersign.yaml:${line}:`)
    expect(existsSync(join(home, 'state/pki'))).toBe(false)
  })
})

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
