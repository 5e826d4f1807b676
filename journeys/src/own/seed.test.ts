import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { freePort, until } from '@countersign/ground/testkit'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bash, type CurlAnswer, curlAnswers } from '../support/bash.ts'
import { collect, REPOSITORY, startDesk } from '../support/desk.ts'
import { Door } from '../support/door.ts'
import { askMesh } from '../support/mesh.ts'
import { type Platform, startPlatform } from '../support/platform.ts'
import { exchange, readSeed } from '../support/seed-text.ts'

/*
 * The first seed, from its own text: Kong's six calls as bash runs them, then the Express service behind the gateway that
 * they have configured. What is exchanged in the service is listed below. The tests run in their order.
 */
const seed = readSeed()
const ADMIN = 'eval "$(countersign admin-env)"'
let platform: Platform
let folder: string
let client: string
let servicePort: number
let made: readonly CurlAnswer[]
let withCertificate: Door
const running: ReturnType<typeof adopt>[] = []

beforeAll(async () => {
  platform = await startPlatform()
  // Below the checkout, so that the service finds its packages.
  folder = mkdtempSync(join(REPOSITORY, 'journeys/.sample-'))
  client = mkdtempSync(join(REPOSITORY, 'journeys/.sample-'))
})
afterAll(async () => {
  withCertificate?.close()
  await Promise.all(running.map(stop))
  await platform?.stop('--wipe')
  for (const each of [folder, client]) rmSync(each, { recursive: true, force: true })
})

/** `countersign adopt …`, with what it and the program have said. */
function adopt(cwd: string, args: readonly string[], env: Record<string, string> = {}) {
  const options = { home: platform.home, cwd, env: { ...platform.env, ...env } }
  const child = startDesk(['adopt', ...args], options)
  return { child, said: collect(child) }
}
async function stop({ child }: ReturnType<typeof adopt>): Promise<number | null> {
  if (child.exitCode !== null) return child.exitCode
  child.kill('SIGTERM')
  return new Promise((done) => child.once('exit', done))
}

/** What of the text is exchanged, and what it lacks. */
async function serviceText(): Promise<string> {
  servicePort = (await isFree(3000)) ? 3000 : await freePort()
  const port = [['.listen(3000,', `.listen(${servicePort},`]] as const
  return [
    // `db` is nowhere in the text. Its key comes by the environment, as the text has it; its certificate files lie where it runs.
    "const db = { query: async () => [{ id: 1, item: 'tea' }] };",
    servicePort === 3000 ? seed.service : exchange(seed.service, port),
  ].join('\n')
}
function isFree(port: number): Promise<boolean> {
  const server = createServer()
  return new Promise((done) => {
    server.once('error', () => done(false))
    server.listen(port, () => server.close(() => done(true)))
  })
}

describe('the six calls', () => {
  test('are answered 201 by plain curl, as Kong documents them', async () => {
    const ended = await bash(platform, `${ADMIN}\n${seed.calls}`)
    made = curlAnswers(ended.stdout)
    expect(made.map(({ status }) => status, ended.stderr)).toEqual([201, 201, 201, 201, 201, 201])
    const [service, route, jwt, limit, mtls, prometheus] = made.map(({ json }) => json)
    expect(service).toMatchObject({
      ...{ name: 'order-service', protocol: 'https', host: 'order-service', port: 3000 },
      ...{ path: null, retries: 5, enabled: true, tags: null },
      ...{ connect_timeout: 60_000, write_timeout: 60_000, read_timeout: 60_000 },
    })
    expect(route).toMatchObject({
      ...{ paths: ['/orders'], methods: ['GET', 'POST'], protocols: ['http', 'https'] },
      ...{ strip_path: true, preserve_host: false, regex_priority: 0, path_handling: 'v0' },
      service: { id: service.id },
    })
    expect(jwt).toMatchObject({ name: 'jwt', enabled: true, service: { id: service.id } })
    expect(limit.config).toMatchObject({ second: 5, hour: 1000, policy: 'redis' })
    expect(limit.config.redis.host).toBe('redis-host')
    expect(mtls).toMatchObject({ service: null, config: { ca_certificates: ['ca-cert-id'] } })
    expect(prometheus).toMatchObject({ name: 'prometheus', service: null, route: null })
  })

  test('print no key, keep it in files for this user alone, and show it to the host kong only', async () => {
    const { stdout, stderr } = await bash(platform, 'countersign admin-env')
    const key = readFileSync(join(platform.home, 'run/admin/admin/key'), 'utf8')
    expect(key).toMatch(/^csa_/)
    expect(stdout + stderr).not.toContain(key)
    expect(stderr).toMatch(/until 20[0-9-]{8}T/)
    const modes = await bash(platform, 'stat -c %a run/admin run/admin/admin run/admin/admin/*')
    expect(modes.stdout.trim().split('\n').sort()).toEqual(['600', '600', '700', '700'].sort())
    const other = await bash(platform, `${ADMIN}; curl -sv --max-time 5 "$KONG_ADMIN_URL/status"`)
    expect(other.stderr).not.toContain('uthorization')
    expect(JSON.parse(other.stdout).message).toBe('Unauthorized')
  })

  test('what a person has configured for curl still holds', async () => {
    writeFileSync(join(client, '.curlrc'), 'user-agent = "of their own"\n')
    const script = `export HOME='${client}'; ${ADMIN}; curl -sv http://kong:8001/status`
    expect((await bash(platform, script)).stderr).toContain('> User-Agent: of their own')
    rmSync(join(client, '.curlrc'))
  })
})

describe('the Express service', () => {
  test('starts from its own text with a certificate, and is found under its name', async () => {
    writeFileSync(join(folder, 'service.cjs'), await serviceText())
    const key = (await platform.desk('token', 'keys', '--pem')).stdout
    const args = ['--port', String(servicePort), '--', 'node', 'service.cjs']
    const service = adopt(folder, ['order-service', ...args], { JWT_SECRET: key })
    running.push(service, adopt(client, ['shop', '--certs', 'mine']))
    await until(() => service.said().stderr.includes('is found under its name'), 'it', 30_000)
    expect(service.said().stdout).toContain('Order Service running on port 3000 with mTLS')
    await until(() => readdirOf(join(client, 'mine')).length === 3, 'files of the client', 30_000)
    const of = (name: string): string => readFileSync(join(client, 'mine', name), 'utf8')
    const shown = { cert: of('server-cert.pem'), key: of('server-key.pem') }
    withCertificate = new Door(platform.publicPort, platform.bundle(), shown)
  })

  test('gets the path without /orders, as Kong cuts it by default; the answer to call 2 says so', async () => {
    const token = await platform.token('admin')
    let answer = await withCertificate.ask({ path: '/orders', token })
    await until(
      async () => {
        answer = await withCertificate.ask({ path: '/orders', token })
        return answer.status === 404
      },
      'the 404 of the service itself',
      60_000,
    )
    expect(answer.text).toContain('Cannot GET /')
    const route = made[1]?.json
    const [, method, path, setting] =
      / (PATCH) (\S+) with (strip_path=false)$/.exec(route.countersign.notes.at(-1)) ?? []
    const script = `${ADMIN}; curl -si -X ${method} http://kong:8001${path} -d ${setting}`
    const [patched] = curlAnswers((await bash(platform, script)).stdout)
    expect(patched).toMatchObject({ status: 200, json: { id: route.id, strip_path: false } })
    await until(
      async () => (await withCertificate.ask({ path: '/orders', token })).status === 200,
      'the orders',
      60_000,
    )
  })

  test('answers 200 to an admin and 403 to others; 401 without a token or a certificate', async () => {
    const admin = await platform.token('admin')
    const ask = async (person?: string) => {
      const token = person === undefined ? undefined : await platform.token(person)
      return withCertificate.ask({ path: '/orders', token })
    }
    const orders = await untilNot429(() => ask('admin'))
    expect(orders.json).toEqual([{ id: 1, item: 'tea' }])
    for (const person of ['customer', 'auditor']) {
      const answer = await ask(person)
      expect([answer.status, answer.json]).toEqual([403, { error: 'Insufficient permissions' }])
    }
    expect(await ask()).toMatchObject({ status: 401, json: { message: 'Unauthorized' } })
    expect(await platform.ask({ path: '/orders', token: admin })).toMatchObject({
      status: 401,
      json: { message: 'No required TLS certificate was sent' },
    })
    // Global, so the contracts of the platform's own services are behind it, too.
    const own = await platform.ask({ path: '/users/me', token: admin })
    expect(own).toMatchObject({ status: 401, json: { code: 'CREDENTIAL_MISSING' } })
    expect((await withCertificate.ask({ path: '/users/me', token: admin })).status).toBe(200)
  })

  test('answers 429 to the sixth request of a second', async () => {
    const token = await platform.token('admin')
    // Six that fall into one second: where they do not, once more.
    await until(
      async () => {
        const six = Array.from({ length: 6 }, () => withCertificate.ask({ path: '/orders', token }))
        const answers = await Promise.all(six)
        const passed = answers.filter(({ status }) => status === 200)
        const refused = answers.filter(({ status }) => status === 429)
        if (passed.length !== 5 || refused.length !== 1) return false
        expect(refused[0]?.json).toMatchObject({ message: 'API rate limit exceeded' })
        expect(refused[0]?.headers['x-ratelimit-limit-second']).toBe('5')
        return true
      },
      'five of six',
      30_000,
    )
  })

  test('refuses a direct call without a certificate in the handshake', async () => {
    const direct = (shown: object) =>
      askMesh(servicePort, { ca: platform.bundle(), ...shown }, { path: '/orders' })
    await expect(direct({})).rejects.toMatchObject({
      code: expect.stringMatching(/^(ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED|ECONNRESET|EPIPE)$/),
    })
    const of = (name: string): string => readFileSync(join(client, 'mine', name), 'utf8')
    const shown = { cert: of('server-cert.pem'), key: of('server-key.pem') }
    expect((await direct(shown)).status).toBe(401)
  })
})

describe('once more', () => {
  test('the calls are answered 409, code 5, where there can be one only', async () => {
    const ended = await bash(platform, `${ADMIN}\n${seed.calls}`)
    const again = curlAnswers(ended.stdout)
    // A route without a name has nothing that has to be unique: Kong makes another one, and so does this.
    expect(again.map(({ status, json }) => [status, json.code])).toEqual([
      ...[
        [409, 5],
        [201, undefined],
        [409, 5],
      ],
      ...[
        [409, 5],
        [409, 5],
        [409, 5],
      ],
    ])
    expect(again[0]?.json).toMatchObject({
      name: 'unique constraint violation',
      fields: { name: 'order-service' },
    })
  })

  test('the keys end when that is wanted', async () => {
    const script = `${ADMIN}; countersign admin-env --revoke >/dev/null; curl -s http://kong:8001/status`
    const before = await bash(platform, `${ADMIN}; cp -r "$CURL_HOME" '${client}/kept'`)
    expect(before.code).toBe(0)
    expect((await bash(platform, script)).code).not.toBe(0)
    const kept = `CURL_HOME='${client}/kept' curl -s -H "Kong-Admin-Token: $(cat '${client}/kept/key')"`
    const port = /127\.0\.0\.1:([0-9]+)/.exec(readFileSync(join(client, 'kept/.curlrc'), 'utf8'))
    const refused = await bash(platform, `${kept} http://127.0.0.1:${port?.[1]}/status`)
    expect(JSON.parse(refused.stdout).message).toBe('Unauthorized')
  })

  test('a service that ends is no longer found, and leaves no key behind', async () => {
    const [service] = running
    expect(service && (await stop(service))).toBe(0)
    expect(readdirOf(folder)).toEqual(['service.cjs'])
    const token = await platform.token('admin')
    await until(
      async () => (await withCertificate.ask({ path: '/orders', token })).status >= 502,
      'nobody behind the route',
      60_000,
    )
  })
})

/** The test before may have used up the second. */
async function untilNot429<T extends { status: number }>(ask: () => Promise<T>): Promise<T> {
  let answer = await ask()
  await until(
    async () => {
      if (answer.status !== 429) return true
      answer = await ask()
      return false
    },
    'a second with room',
    60_000,
  )
  return answer
}

function readdirOf(path: string): string[] {
  try {
    return readdirSync(path)
  } catch {
    return []
  }
}
