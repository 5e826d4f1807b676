import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '@countersign/ground/testkit'
import { checkTools, compile } from './build.ts'
import { Load } from './load.ts'
import { ALGORITHMS, type Algorithm, Mint } from './mint.ts'
import { writePki, writeTokenKeys } from './pki.ts'
import { type Program, startProgram } from './program.ts'
import { BODY_BYTES, type Place, upstream } from './targets.ts'

/** The proxy has a core of its own; generator and upstream share the other. */
export const PROXY_CORE = 1
const OTHER_CORE = 0
const KNOWN_TOKENS = 1_000
const FLOOR_REQUESTS = 20_000

/** What all targets of a session have in common: certificates, tokens, generator, upstream. */
export class Session {
  readonly place: Place
  readonly mint: Mint
  readonly #upstream: Program
  readonly #programs: { readonly load: string; readonly floor: string }

  private constructor(parts: {
    place: Place
    mint: Mint
    upstream: Program
    programs: { load: string; floor: string }
  }) {
    this.place = parts.place
    this.mint = parts.mint
    this.#upstream = parts.upstream
    this.#programs = parts.programs
  }

  /** Makes everything in a new folder. `newTokens`: how many are minted that nobody has seen. */
  static async open(newTokens: number): Promise<Session> {
    checkTools()
    const work = mkdtempSync(join(tmpdir(), 'countersign-bench-'))
    try {
      return await Session.#openIn(work, newTokens)
    } catch (error) {
      rmSync(work, { recursive: true, force: true })
      throw error
    }
  }
  static async #openIn(work: string, newTokens: number): Promise<Session> {
    const [port, upstreamPort] = [await freePort(), await freePort()]
    const place = { work, port, upstream: upstreamPort }
    const programs = { load: compile('load', work), floor: compile('floor', work) }
    await writePki(work)
    const mint = new Mint(writeTokenKeys(work))
    for (const alg of ALGORITHMS) {
      const write = (kind: string, count: number): void => {
        const tokens = mint.many(alg, count, kind).join('\n')
        writeFileSync(join(work, tokenFile(alg, kind)), `${tokens}\n`, { mode: 0o600 })
      }
      write('warm', KNOWN_TOKENS)
      write('new', newTokens)
    }
    const command = upstream(place)
    const started = await startProgram({
      core: OTHER_CORE,
      command,
      cwd: work,
      port: place.upstream,
    })
    return new Session({ place, mint, upstream: started, programs })
  }

  /** A load generator on the port of the target. */
  async load(connections: number): Promise<Load> {
    const { work, port } = this.place
    return await Load.start({
      ...{ program: this.#programs.load, work, core: OTHER_CORE, port, connections },
      ...{ path: '/orders/1', bodyBytes: BODY_BYTES, ca: join(work, 'ca.pem'), peer: 'localhost' },
    })
  }
  tokens(alg: Algorithm, kind: 'warm' | 'new'): string {
    return join(this.place.work, tokenFile(alg, kind))
  }
  /** Microseconds of CPU that one proxied request costs here at least. */
  floorMicros(): number {
    const at = (name: string): string => join(this.place.work, name)
    const files = [at('gateway.pem'), at('gateway.key'), at('ca.pem')]
    const args = ['-c', String(PROXY_CORE), this.#programs.floor, ...files, String(FLOOR_REQUESTS)]
    return Number(execFileSync('taskset', args, { encoding: 'utf8' }))
  }
  async close(): Promise<void> {
    await this.#upstream.stop()
    rmSync(this.place.work, { recursive: true, force: true })
  }
}

const tokenFile = (alg: Algorithm, kind: string): string =>
  `tokens-${alg.toLowerCase()}-${kind}.txt`
