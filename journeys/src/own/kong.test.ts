import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort, until } from '@countersign/ground/testkit'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bash, type CurlAnswer, curlAnswers } from '../support/bash.ts'
import { collect, REPOSITORY, startDesk } from '../support/desk.ts'
import { ECHO_SERVICE } from '../support/echo-service.ts'
import {
  askShop,
  createTls,
  indented,
  openTarget,
  servedBy,
  type ShopTls,
  type Target,
} from '../support/kong-shop.ts'
import { type Platform, startPlatform } from '../support/platform.ts'

/* Declarative files in the shapes of Kong's documentation, in and out, and what they do at the public door. */
const SHAPES = join(REPOSITORY, 'edge/kong/src/testdata')
let platform: Platform
let echo: ReturnType<typeof startDesk>
let one: Target
let two: Target
let tls: ShopTls
/** The configuration of this run. */
const served = (): string => servedBy({ one, two, tls })

beforeAll(async () => {
  tls = await createTls()
  one = await openTarget('one')
  two = await openTarget('two')
  platform = await startPlatform()
  expect((await platform.desk('admin-env')).code).toBe(0)
})
afterAll(async () => {
  echo?.kill('SIGTERM')
  for (const target of [one, two]) target?.server.close().closeAllConnections()
  await platform?.stop('--wipe')
})

function write(name: string, text: string): string {
  const path = join(platform.home, name)
  writeFileSync(path, text)
  return path
}

/** `POST /config` by curl, with the key that admin-env has left. */
const curl = async (words: string): Promise<CurlAnswer> => {
  const script = `export CURL_HOME="$COUNTERSIGN_HOME/run/admin/admin"; curl -si ${words}`
  const [answer] = curlAnswers((await bash(platform, script)).stdout)
  return answer ?? { status: 0, json: undefined }
}
const load = (file: string, query = ''): Promise<CurlAnswer> =>
  curl(`'http://kong:8001/config${query}' --form config=@'${file}'`)
const config = (): Promise<CurlAnswer> => curl('http://kong:8001/config')

describe('a file in the shape of', () => {
  test.each(['nested-3.0.yml', 'flat-2.1.yml', 'old-1.1.yml', 'certificates-3.0.yml', 'flat.json'])(
    '%s is loaded, exported, and loaded again to the same',
    async (name) => {
      const text = readFileSync(join(SHAPES, name), 'utf8')
        .replace('{{cert}}', indented(tls.cert))
        .replace('{{key}}', indented(tls.key))
        .replace('{{ca}}', indented(tls.ca))
      const first = await load(write(name, text))
      expect(first.status, JSON.stringify(first.json)).toBe(201)
      const exported = (await config()).json.config
      expect(exported).toMatch(/^_format_version: "3.0"\n/)
      // 304: the configuration would be what it is.
      expect((await load(write('again.yml', exported), '?check_hash=1')).status).toBe(304)
    },
  )

  test('none, with mistakes, is told with every line, and what there is stays', async () => {
    const before = (await config()).json.config
    const file = write('broken.yml', '_format_version: "3.0"\nservices: [{ name: a }]\nx: 1\n')
    const refused = await platform.desk('gateway', 'apply', file)
    expect(refused.code).toBe(5)
    expect(refused.stderr).toContain('broken.yml:2: services.0.host: required field missing')
    expect(refused.stderr).toContain('broken.yml:3: x: unknown field')
    expect((await load(write('before.yml', before), '?check_hash=1')).status).toBe(304)
    expect((await platform.json('gateway', 'status')).allServeNewest).toBe(true)
  })
})

describe('what a file says', () => {
  const get = (path: string, key?: string) =>
    platform.ask({ path, headers: key === undefined ? {} : { 'x-shop-key': key } })

  test('happens: consumers with keys and groups', async () => {
    const port = String(await freePort())
    const file = write('echo.cjs', ECHO_SERVICE)
    const args = ['adopt', 'echo', '--port', port, '--', 'node', file, port]
    echo = startDesk(args, { home: platform.home, env: platform.env })
    const said = collect(echo)
    await until(() => said().stderr.includes('is found under its name'), 'the service', 30_000)
    const applied = await platform.desk('gateway', 'apply', write('served.yml', served()))
    expect(applied.code, applied.stderr).toBe(0)
    await until(async () => (await get('/shop/a', 'alice-key-0123456789')).status === 200, 'alice')
    const alice = await get('/shop/a?b=1', 'alice-key-0123456789')
    expect(alice.json.url).toBe('/base/a?b=1')
    expect(alice.json.headers['x-consumer-username']).toBe('alice')
    expect(alice.json.headers['x-request-id']).toBe(alice.requestId)
    expect(await get('/shop/a', 'bob-key-0123456789')).toMatchObject({
      status: 403,
      json: { message: 'You cannot consume this service' },
    })
    expect(await get('/shop/a', 'no-such-key')).toMatchObject({
      status: 401,
      json: { message: 'Unauthorized' },
    })
    const none = await get('/shop/a')
    expect(none).toMatchObject({ status: 401, json: { message: 'No API key found in request' } })
    expect(none.headers['www-authenticate']).toBe('Key')
    expect(await get('/nowhere', 'alice-key-0123456789')).toMatchObject({
      status: 404,
      json: { message: 'no Route matched with those values' },
    })
  })

  test('happens: an upstream with targets, and the one that is not well is left out', async () => {
    const seen = async (): Promise<string> => {
      const answers = await Promise.all(Array.from({ length: 12 }, () => get('/pool')))
      expect(answers.map(({ status }) => status)).toEqual(Array(12).fill(200))
      return [...new Set(answers.map(({ text }) => text))].sort().join()
    }
    await until(async () => (await seen()) === 'one,two', 'both targets', 30_000)
    two.well = false
    await until(async () => (await seen()) === 'one', 'the other one alone', 30_000)
    const health = async (): Promise<string> => {
      const { json } = await curl('http://kong:8001/upstreams/pool/health')
      return json.data
        .map((each: any) => `${each.target} ${each.health}`)
        .sort()
        .join()
    }
    const wanted = [`${one.at} HEALTHY`, `${two.at} UNHEALTHY`].sort().join()
    await until(async () => (await health()) === wanted, 'what the Admin API shows', 30_000)
    two.well = true
    await until(async () => (await seen()) === 'one,two', 'both again', 60_000)
  })

  test('happens: a certificate by the name that a client asks for', async () => {
    const shop = await askShop({ port: platform.publicPort, ca: tls.ca }, '/page')
    expect(shop).toMatchObject({ status: 200, names: 'DNS:shop.test' })
    expect(shop.json.url).toBe('/base/page')
    // By its own names the door shows its own certificate.
    expect((await platform.ask({ path: '/auth/jwks' })).status).toBe(200)
  })

  test('is told before: what a file would decide otherwise of what was decided', async () => {
    const open = served().replace(/ +plugins:\n.*\n.*\n/, '        tags: [public]\n')
    expect(open).not.toBe(served())
    const file = write('open.yml', open)
    // Records reach the log a moment after the answer.
    await until(
      async () => {
        const ended = await platform.desk('gateway', 'diff', file, '--json')
        const { differences, changes } = JSON.parse(ended.stdout)
        const found = differences.find((each: any) => each.request.path === '/shop/a')
        if (found === undefined) return false
        expect(ended.code).toBe(1)
        expect(found.after).toMatchObject({ decision: 'pass', route: 'shop.keys' })
        expect(changes.map((each: any) => each.collection)).toContain('plugins')
        return true
      },
      'a recorded request',
      30_000,
    )
    expect((await platform.desk('gateway', 'diff', file)).stdout).toContain('GET /shop/a')
    const same = await platform.desk('gateway', 'diff', join(platform.home, 'served.yml'))
    expect([same.code, same.stdout]).toEqual([
      0,
      expect.stringMatching(/recorded requests would be decided as now/),
    ])
    expect((await get('/shop/a')).status).toBe(401)
  })

  test('is on record, and can be undone', async () => {
    const { versions } = await platform.json('gateway', 'history')
    const [newest, before] = versions
    expect(newest).toMatchObject({ what: expect.stringMatching(/^load .*served\.yml$/) })
    expect(newest.actor.name).toBe('admin')
    const shown = await platform.desk('gateway', 'history', String(newest.version))
    expect(shown.stdout).toContain('+ consumers alice')
    expect(shown.stdout).not.toContain('alice-key-0123456789')
    const back = await platform.desk('gateway', 'rollback', String(before.version), '--yes')
    expect(back.stdout).toMatch(/entities changed, served by gateway-1, gateway-2/)
    expect((await get('/shop/a', 'alice-key-0123456789')).status).toBe(404)
    const none = await platform.desk('gateway', 'rollback', '9999', '--yes')
    expect([none.code, none.stderr]).toEqual([1, expect.stringContaining('no version 9999')])
    const as = await platform.desk('gateway', 'export', '--as', 'customer')
    expect([as.code, as.stdout]).toEqual([1, ''])
  })

  test('can be undone also where it lets nobody in, not even to log in', async () => {
    const { version } = await platform.json('gateway', 'status')
    const shut = `_format_version: "3.0"
plugins: [{ name: ip-restriction, config: { allow: [192.0.2.1] } }]
`
    expect((await platform.desk('gateway', 'apply', write('shut.yml', shut))).code).toBe(0)
    await until(async () => (await get('/auth/jwks')).status === 403, 'the door to be shut')
    expect((await platform.desk('token', 'admin')).code).toBe(1)
    const back = await platform.desk('gateway', 'rollback', String(version), '--yes')
    expect(back.code, back.stderr).toBe(0)
    await until(async () => (await get('/auth/jwks')).status === 200, 'the door to be open')
  })

  test('goes on without a lost request while it changes and both gateways are started anew', async () => {
    const served = join(platform.home, 'served.yml')
    expect((await platform.desk('gateway', 'apply', served)).code).toBe(0)
    const pids = async () =>
      (await platform.processes())
        .filter(({ service }) => service === 'gateway')
        .map(({ pid }) => pid)
    const before = await pids()
    let over = false
    const work = (async () => {
      for (const file of ['open.yml', 'served.yml'])
        expect((await load(join(platform.home, file))).status).toBe(201)
      return platform.desk('restart', 'gateway')
    })().finally(() => (over = true))
    const failures: string[] = []
    let answered = 0
    const ask = async (): Promise<void> => {
      while (!over) {
        const answer = await get('/shop/a', 'alice-key-0123456789').catch((error: Error) => error)
        const what = answer instanceof Error ? answer.message : String(answer.status)
        if (what !== '200') failures.push(what)
        answered += 1
      }
    }
    await Promise.all(Array.from({ length: 8 }, ask))
    const ended = await work
    expect([ended.code, ended.stderr]).toEqual([
      0,
      expect.stringMatching(/gateway-1 is ready again\ngateway-2 is ready again/),
    ])
    expect(failures).toEqual([])
    expect(answered).toBeGreaterThan(0)
    const after = await pids()
    expect(after.some((pid) => before.includes(pid))).toBe(false)
  })

  test('is exported: sealed for this platform, plain for a Kong elsewhere', async () => {
    expect((await load(join(platform.home, 'served.yml'))).status).toBe(201)
    const sealed = await platform.desk('gateway', 'export')
    expect(sealed.stdout).toContain('key_names')
    expect(sealed.stdout).not.toContain('alice-key-0123456789')
    const again = await platform.desk('gateway', 'apply', write('again.yml', sealed.stdout))
    expect([again.code, again.stdout]).toEqual([0, expect.stringMatching(/^nothing changes/)])
    const plain = await platform.desk('gateway', 'export', '--secrets', 'plain')
    expect(plain.stdout).toContain('alice-key-0123456789')
  })
})
