import type { ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '@countersign/ground/testkit'
import {
  askMesh,
  identityOf,
  type Platform,
  REPOSITORY,
  startDesk,
  startPlatform,
} from '@countersign/journeys/support'
import { compile } from '../gateway/build.ts'
import { Load, type LoadReport } from '../gateway/load.ts'
import { AdminApi } from './admin-api.ts'
import { GatewayWatch } from './gateway-watch.ts'

const PATH = '/changes'
const HEADER = 'x-change'
const SERVICE = 'bench-pong'
const CONNECTIONS = 64
const WAIT_MS_MAX = 60_000

/**
 * A platform, a service of two instances behind a route of an operator, a load through balancer and gateways, and an
 * administrator. The route answers with a header that each change raises by one.
 */
export class World {
  readonly platform: Platform
  readonly admin: AdminApi
  readonly #folder: string
  readonly #load: Load
  readonly #token: string
  readonly #instances: { readonly number: string; readonly port: string; child: ChildProcess }[] =
    []
  watches: readonly GatewayWatch[] = []
  #plugin = ''
  #changes = 0

  private constructor(parts: {
    platform: Platform
    folder: string
    load: Load
    admin: AdminApi
    token: string
  }) {
    this.platform = parts.platform
    this.#folder = parts.folder
    this.#load = parts.load
    this.admin = parts.admin
    this.#token = parts.token
  }

  /** What was started ends again where the rest cannot be. */
  static async open(): Promise<World> {
    const env = { COUNTERSIGN_LOG_LEVEL: 'warn', COUNTERSIGN_TOKENS_TTL: '1h' }
    const platform = await startPlatform({ env })
    const folder = mkdtempSync(join(tmpdir(), 'countersign-changes-'))
    let world: World | undefined
    try {
      world = new World({ platform, folder, ...(await waysInto(platform, folder)) })
      await world.#prepare()
      return world
    } catch (error) {
      if (world !== undefined) await world.close()
      else await platform.stop('--wipe')
      throw error
    }
  }

  /** One run, open loop: connections that end between requests are opened again, as clients do. */
  load(rate: number, seconds: number): Promise<LoadReport> {
    return this.#load.run({ rate, seconds, wrap: true, again: true })
  }

  /** Raises the number that the route answers with; says which it is now, and when the Admin API had answered. */
  async change(): Promise<{ readonly number: number; readonly at: number }> {
    const number = ++this.#changes
    const add = { headers: [`${HEADER}:${number}`] }
    await this.admin.change('PATCH', `/plugins/${this.#plugin}`, { config: { add } })
    return { number, at: performance.now() }
  }

  /** Names of the service's instances. */
  get instances(): readonly string[] {
    return this.#instances.map(({ number }) => `${SERVICE}-${number}`)
  }
  /** Ends one instance in order and starts it anew. Returns when both are found healthy. */
  async restartInstance(name: string): Promise<void> {
    const found = this.#instances.find(({ number }) => `${SERVICE}-${number}` === name)
    if (found === undefined) throw new Error(`there is no ${name}`)
    const ended = new Promise((done) => found.child.once('close', done))
    found.child.kill('SIGTERM')
    await ended
    found.child = this.#run(found.number, found.port)
    await this.#untilHealthy()
  }

  async close(): Promise<void> {
    await Promise.all(this.watches.map((watch) => watch.close()))
    await this.#load.close()
    this.admin.close()
    for (const { child } of this.#instances) child.kill('SIGTERM')
    await this.platform.stop('--wipe')
    rmSync(this.#folder, { recursive: true, force: true })
  }

  async #prepare(): Promise<void> {
    for (const number of ['1', '2']) {
      const at = String(await freePort())
      this.#instances.push({ number, port: at, child: this.#run(number, at) })
    }
    await this.#untilHealthy()
    const { admin } = this
    const url = `https://${SERVICE}/bench-pong/ping`
    await admin.change('POST', '/services', { name: 'changes', url })
    await admin.change('POST', '/services/changes/routes', { name: 'changes', paths: [PATH] })
    await admin.change('POST', '/services/changes/plugins', { name: 'jwt' })
    const limit = { name: 'rate-limiting', config: { second: 10_000_000 } }
    await admin.change('POST', '/services/changes/plugins', limit)
    const add = { headers: [`${HEADER}:0`] }
    const transformer = { name: 'response-transformer', config: { add } }
    this.#plugin = (await admin.change('POST', '/services/changes/plugins', transformer)).id
    const ask = { path: PATH, token: this.#token }
    await until('the route', async () => (await this.platform.ask(ask)).status === 200)
    this.watches = await this.#watch()
  }

  /** One for each gateway, at the address that the balancer finds it at. */
  async #watch(): Promise<readonly GatewayWatch[]> {
    const found = await this.#registered('gateway')
    const watched = { ca: this.platform.bundle(), path: PATH, header: HEADER, token: this.#token }
    return found.map(({ Service: { ID, Meta } }) => {
      const port = Number(String(Meta.public).split(':').at(-1))
      return new GatewayWatch(ID, { ...watched, port })
    })
  }
  async #registered(name: string): Promise<readonly any[]> {
    const registry = (await this.platform.processes()).find((each) => each.name === 'registry-1')
    const shown = identityOf(this.platform.home, 'desk')
    const path = `/v1/health/service/${name}?passing`
    const { json } = await askMesh(registry?.port ?? 0, shown, { path })
    return json
  }
  #untilHealthy(): Promise<void> {
    return until('the service', async () => (await this.#registered(SERVICE)).length === 2)
  }
  #run(number: string, port: string): ChildProcess {
    const main = join(REPOSITORY, 'bench/src/way/pong-main.ts')
    const { home, env } = this.platform
    const args = ['run', main, '--name', SERVICE, '--number', number]
    const child = startDesk(args, { home, env: { ...env, BENCH_PORT: port } })
    child.stdout?.resume()
    child.stderr?.resume()
    return child
  }
}

/** A load through the public door and a key of an administrator. */
async function waysInto(
  platform: Platform,
  folder: string,
): Promise<{ load: Load; admin: AdminApi; token: string }> {
  const ca = join(folder, 'ca.pem')
  writeFileSync(ca, platform.bundle())
  const token = await platform.token('customer')
  const load = await Load.start({
    ...{ program: compile('load', folder), work: folder, ca, peer: 'localhost', path: PATH },
    ...{ port: platform.publicPort, connections: CONNECTIONS },
    bodyBytes: '{"pong":true}'.length,
  })
  writeFileSync(join(folder, 'tokens'), `${token}\n`, { mode: 0o600 })
  await load.tokens(join(folder, 'tokens'))
  const said = await platform.json<{ env: Record<string, string> }>('admin-env', '--show-key')
  const admin = new AdminApi(said.env.KONG_ADMIN_URL ?? '', said.env.KONG_ADMIN_TOKEN ?? '')
  return { load, admin, token }
}

async function until(what: string, isTrue: () => Promise<boolean>): Promise<void> {
  for (const end = Date.now() + WAIT_MS_MAX; Date.now() < end; ) {
    if (await isTrue()) return
    await new Promise((done) => setTimeout(done, 100))
  }
  throw new Error(`not after ${WAIT_MS_MAX} ms: ${what}`)
}
