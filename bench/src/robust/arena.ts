import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { NODE_FLAGS } from '@countersign/balancer/node-flags'
import { freePort } from '@countersign/ground/testkit'
import { compile } from '../gateway/build.ts'
import { Load } from '../gateway/load.ts'
import { Mint } from '../gateway/mint.ts'
import { writePki, writeTokenKeys } from '../gateway/pki.ts'
import { type Program, startProgram } from '../gateway/program.ts'
import { BODY_BYTES, ours, upstream } from '../gateway/targets.ts'

/* Gateways in processes of their own, the balancer before them, an upstream behind them, and good traffic. */

const KNOWN_TOKENS = 1_000
const GOOD_CONNECTIONS = 16
const BALANCER = [
  ...[process.execPath, '--disable-warning=ExperimentalWarning', '--conditions=countersign:source'],
  ...[...NODE_FLAGS, join(import.meta.dirname, 'balancer-main.ts')],
]

export interface RunningGateway {
  readonly port: number
  readonly program: Program
}
export class Arena {
  readonly work: string = mkdtempSync(join(tmpdir(), 'countersign-robust-'))
  readonly mint: Mint
  upstream = 0
  #load = ''
  readonly #closers: (() => unknown)[] = []

  private constructor(mint: (work: string) => Mint) {
    this.mint = mint(this.work)
  }
  static async open(): Promise<Arena> {
    const arena = new Arena((work) => new Mint(writeTokenKeys(work)))
    const { work } = arena
    arena.#closers.push(() => rmSync(work, { recursive: true, force: true }))
    try {
      await writePki(work)
      arena.#load = compile('load', work)
      const [port, upstreamPort] = [await freePort(), await freePort()]
      const place = { work, port, upstream: upstreamPort }
      await arena.start({ command: upstream(place), port: upstreamPort })
      arena.upstream = upstreamPort
      arena.tokens('good', arena.mint.many('ES256', KNOWN_TOKENS, 'good'))
      return arena
    } catch (error) {
      await arena.close()
      throw error
    }
  }
  async close(): Promise<void> {
    for (const close of this.#closers.splice(0).reverse()) await close()
  }

  /** `proxied`: for the balancer alone. */
  async gateway(proxied = false): Promise<RunningGateway> {
    const port = await freePort()
    const { work, upstream } = this
    const facts: Parameters<typeof ours>[0] & { readonly proxied: boolean } = {
      ...{ work, port, upstream, proxied },
    }
    return { port, program: await this.start({ command: ours(facts), port }) }
  }
  async balancer(gateways: readonly RunningGateway[]): Promise<RunningGateway> {
    const port = await freePort()
    const env = {
      BALANCER_LISTEN: `127.0.0.1:${port}`,
      BALANCER_GATEWAYS: gateways.map((each) => `127.0.0.1:${each.port}`).join(','),
    }
    return { port, program: await this.start({ command: BALANCER, port, env }) }
  }
  async start(options: {
    readonly command: readonly string[]
    readonly port: number
    readonly env?: Readonly<Record<string, string>>
  }): Promise<Program> {
    const program = await startProgram({ core: undefined, cwd: this.work, ...options })
    this.#closers.push(() => program.stop())
    return program
  }
  /** Writes tokens to a file, of which it gives the name. */
  tokens(name: string, tokens: readonly string[]): string {
    const file = join(this.work, `${name}.tokens`)
    writeFileSync(file, `${tokens.join('\n')}\n`, { mode: 0o600 })
    return file
  }
  async load(port: number, options: { connections: number; sources?: number }): Promise<Load> {
    const { work } = this
    const load = await Load.start({
      ...{ program: this.#load, work, port, path: '/orders/1', bodyBytes: BODY_BYTES },
      ...{ ca: join(work, 'ca.pem'), peer: 'localhost', ...options },
    })
    this.#closers.push(() => load.close())
    return load
  }
  /** Good traffic: known tokens, known connections. */
  async good(port: number): Promise<Load> {
    const load = await this.load(port, { connections: GOOD_CONNECTIONS })
    await load.tokens(join(this.work, 'good.tokens'))
    await load.run({ rate: 0, requests: 4 * KNOWN_TOKENS, wrap: true })
    return load
  }
}

/** `--name <number>` on the command line. */
export function option(name: string, otherwise: number): number {
  const at = process.argv.indexOf(`--${name}`)
  const value = at === -1 ? otherwise : Number(process.argv[at + 1])
  if (!(value > 0)) throw new Error(`--${name} takes a number above 0`)
  return value
}
