import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '@countersign/ground/testkit'
import {
  collect,
  type Platform,
  REPOSITORY,
  startDesk,
  startPlatform,
} from '@countersign/journeys/support'
import { compile } from '../gateway/build.ts'
import { assertClean, Load, type LoadOptions, type LoadReport, type Run } from '../gateway/load.ts'

const BODY_BYTES = '{"pong":true}'.length
const WARM_UP_SECONDS = 5
const START_MS_MAX = 30_000

/** A platform of its own, every process and every check of it, and the ways to knock at it. */
export class Way {
  readonly #platform: Platform
  readonly #folder = mkdtempSync(join(tmpdir(), 'countersign-way-'))
  readonly #program: string
  /** What has to end before the platform does. */
  readonly #ends: (() => Promise<unknown>)[] = []

  private constructor(platform: Platform) {
    this.#platform = platform
    this.#program = compile('load', this.#folder)
    writeFileSync(join(this.#folder, 'ca.pem'), platform.bundle())
  }
  static async open(): Promise<Way> {
    return new Way(await startPlatform({ env: { COUNTERSIGN_LOG_LEVEL: 'warn' } }))
  }

  /** client → balancer → gateway → the service that has `path` */
  async whole(path: string, connections: number): Promise<Load> {
    return await this.#load({
      path,
      connections,
      port: this.#platform.publicPort,
      peer: 'localhost',
    })
  }
  /** A service of one endpoint, and how to call it straight, by mutual TLS, as a workload that it lists. */
  async pong(): Promise<{
    readonly path: string
    readonly direct: (connections: number) => Promise<Load>
  }> {
    const port = await freePort()
    const path = '/bench-pong/ping'
    this.#run('bench-pong', 'pong-main.ts', { BENCH_PORT: String(port) })
    const caller = this.#run('bench-caller', 'caller-main.ts', { BENCH_FOLDER: this.#folder })
    const token = await this.#platform.token('customer')
    await until('the gateway knows the service', async () => {
      return (await this.#platform.ask({ path, token })).status === 200
    })
    await until('there is a certificate', async () => caller().stdout.includes('joined'))
    const [order] = await this.#platform.processes()
    const peer = `${/^spiffe:\/\/[^/]+/.exec(order?.spiffeId ?? '')}/service/bench-pong`
    const shown = [join(this.#folder, 'caller.pem'), join(this.#folder, 'caller.key')] as const
    return {
      path,
      direct: (connections) => this.#load({ path, connections, port, peer, shown }),
    }
  }
  async #load(
    to: Pick<LoadOptions, 'path' | 'connections' | 'port' | 'peer' | 'shown'>,
  ): Promise<Load> {
    const load = await Load.start({
      ...{ program: this.#program, work: this.#folder, bodyBytes: BODY_BYTES },
      ...{ ca: join(this.#folder, 'ca.pem'), ...to },
    })
    this.#ends.push(() => load.close())
    return load
  }

  /** One measured run, with a token of this minute. Throws where any answer was not as it should be. */
  async run(load: Load, run: Omit<Run, 'wrap'>): Promise<LoadReport> {
    const file = join(this.#folder, 'tokens')
    writeFileSync(file, `${await this.#platform.token('customer')}\n`, { mode: 0o600 })
    await load.tokens(file)
    const report = await load.run({ ...run, wrap: true })
    assertClean('the whole way', report)
    return report
  }
  async warmUp(load: Load): Promise<void> {
    await this.run(load, { rate: 0, seconds: WARM_UP_SECONDS })
  }
  async close(): Promise<void> {
    for (const end of this.#ends.reverse()) await end()
    await this.#platform.stop('--wipe')
    rmSync(this.#folder, { recursive: true, force: true })
  }

  /** Joins a process of ours to the platform, as a person would; answers what it has said. */
  #run(name: string, file: string, more: Readonly<Record<string, string>>) {
    const main = join(REPOSITORY, 'bench/src/way', file)
    const { home, env } = this.#platform
    const child = startDesk(['run', main, '--name', name], { home, env: { ...env, ...more } })
    const closed = new Promise((done) => child.once('close', done))
    this.#ends.push(() => {
      child.kill('SIGTERM')
      return closed
    })
    return collect(child)
  }
}

async function until(what: string, isTrue: () => Promise<boolean>): Promise<void> {
  for (const end = Date.now() + START_MS_MAX; Date.now() < end; ) {
    if (await isTrue()) return
    await new Promise((done) => setTimeout(done, 100))
  }
  throw new Error(`not after ${START_MS_MAX} ms: ${what}`)
}
