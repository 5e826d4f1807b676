import { createInterface } from 'node:readline'
import { type Program, startProgram } from './program.ts'

/** What a run of the load generator has seen. Latencies count from when a request was due. */
export interface LoadReport {
  /** Answers, good or not. */
  readonly done: number
  readonly seconds: number
  readonly perSecond: number
  readonly meanMs: number
  readonly p50Ms: number
  readonly p90Ms: number
  readonly p99Ms: number
  readonly p999Ms: number
  readonly maxMs: number
  /** CPU of the generator itself for one request. */
  readonly generatorMicros: number
  /** Connections that were opened in the run. */
  readonly opened: number
  readonly errors: Readonly<Record<string, number>>
  readonly firstError: string
}
export interface Run {
  /** Requests per second, open loop; 0: closed loop. */
  readonly rate: number
  readonly seconds?: number
  readonly requests?: number
  /** Whether tokens are used again once all were sent. */
  readonly wrap: boolean
  /** Whether connections that the other side ends between requests are opened again. */
  readonly again?: boolean
}
export interface LoadOptions {
  readonly program: string
  readonly work: string
  /** The core that it is pinned to, if to any. */
  readonly core?: number
  readonly port: number
  readonly connections: number
  readonly path: string
  readonly bodyBytes: number
  readonly ca: string
  /** Host name or SPIFFE id of the other side. */
  readonly peer: string
  /** Files of the client's certificate and key. */
  readonly shown?: readonly [string, string]
  /** How many addresses the connections come from in turn, 127.0.0.2 and those behind it; otherwise from 127.0.0.1. */
  readonly sources?: number
}

/** The load generator of `load/load.c`, driven line by line. */
export class Load {
  readonly #program: Program
  readonly #lines: AsyncIterator<string>

  private constructor(program: Program) {
    this.#program = program
    const { stdout } = program.child
    if (stdout === null) throw new Error('the load generator has no output')
    this.#lines = createInterface({ input: stdout })[Symbol.asyncIterator]()
  }
  static async start(options: LoadOptions): Promise<Load> {
    const { program, port, connections, path, bodyBytes, ca, peer, shown = [], core } = options
    const numbers = [port, connections].map(String)
    const from = options.sources === undefined ? [] : [String(options.sources)]
    const command = [program, ...numbers, path, String(bodyBytes), ca, peer, ...shown, ...from]
    return new Load(await startProgram({ core, command, cwd: options.work }))
  }
  /** From now on these are sent, one line a token. */
  async tokens(file: string): Promise<void> {
    await this.#say(`tokens ${file}`)
  }
  async run({ rate, seconds = 0, requests = 0, wrap, again = false }: Run): Promise<LoadReport> {
    const line = `run ${rate} ${seconds} ${Math.round(requests)} ${wrap ? 1 : 0} ${again ? 1 : 0}`
    return (await this.#say(line)) as LoadReport
  }
  async close(): Promise<void> {
    await this.#program.stop()
  }
  async #say(line: string): Promise<unknown> {
    this.#program.child.stdin?.write(`${line}\n`)
    const answer = await this.#lines.next()
    if (answer.done === true) throw new Error(`the load generator ended: ${this.#program.said()}`)
    return JSON.parse(answer.value)
  }
}

/** Throws where not every answer was a good one: such a run says nothing. */
export function assertClean(what: string, { errors, firstError }: LoadReport): void {
  const seen = Object.entries(errors).filter(([, count]) => count > 0)
  if (seen.length === 0) return
  const text = seen.map(([kind, count]) => `${count} × ${kind}`).join(', ')
  throw new Error(`${what}: ${text} (${firstError})`)
}
