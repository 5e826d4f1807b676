import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort, temporaryFolder } from '@countersign/ground/testkit'
import { desk, type Ended } from './desk.ts'
import { type Answer, type Ask, Door } from './door.ts'

export type Mode = 'many' | 'one'

/** One process of `countersign status --json`. */
export interface ProcessStatus {
  /** As in `order-1`. */
  readonly name: string
  /** As in `order`. */
  readonly service: string
  readonly pid: number
  readonly port: number
  readonly spiffeId: string
  readonly health: string
  readonly engine: string | null
  readonly certificate: { readonly notAfter: string; readonly renewals: number }
}

/** A platform that runs, seen from outside. */
export class Platform {
  #door: Door
  readonly #before: Door[] = []
  readonly home: string
  readonly publicPort: number
  readonly env: Readonly<Record<string, string>>

  constructor(home: string, publicPort: number, env: Readonly<Record<string, string>>) {
    this.home = home
    this.publicPort = publicPort
    this.env = env
    this.#door = new Door(publicPort, this.bundle())
  }
  /** PEM of the roots that are to be trusted at this time. */
  bundle(): string {
    return readFileSync(join(this.home, 'pki/bundle.pem'), 'utf8')
  }
  /** The public door, by the roots of this time. */
  get door(): Door {
    const ca = this.bundle()
    if (ca === this.#door.ca) return this.#door
    // What is under way at the old one goes on.
    this.#before.push(this.#door)
    this.#door = new Door(this.publicPort, ca)
    return this.#door
  }
  /** `countersign …` for this platform. */
  desk(...args: readonly string[]): Promise<Ended> {
    return desk(args, { home: this.home, env: this.env })
  }
  async json<T = any>(...args: readonly string[]): Promise<T> {
    const ended = await this.desk(...args, '--json')
    if (ended.code !== 0)
      throw new Error(`countersign ${args.join(' ')} ended with ${ended.code}: ${ended.stderr}`)
    return JSON.parse(ended.stdout) as T
  }
  /** All processes, in whatever health they are: whoever needs them ready waits for it. */
  async processes(): Promise<readonly ProcessStatus[]> {
    const { code, stdout, stderr } = await this.desk('status', '--json')
    // 1: something is not ready at this moment. The answer is whole all the same.
    if (code !== 0 && code !== 1)
      throw new Error(`countersign status ended with ${code}: ${stderr}`)
    return (JSON.parse(stdout) as { processes: readonly ProcessStatus[] }).processes
  }
  /** An access token of a demo person. */
  async token(person: string): Promise<string> {
    const ended = await this.desk('token', person)
    if (ended.code !== 0) throw new Error(`no token for ${person}: ${ended.stderr}`)
    return ended.stdout.trim()
  }
  ask(ask: Ask): Promise<Answer> {
    return this.door.ask(ask)
  }
  /** Events of the audit log of one request, once there are `atLeast` of them. */
  async events(requestId: string, atLeast = 1): Promise<any[]> {
    for (let tries = 0; ; tries++) {
      const ended = await this.desk('audit', 'tail', '--request', requestId, '--json')
      const events = ended.stdout
        .split('\n')
        .filter((line) => line.startsWith('{'))
        .map((line) => JSON.parse(line))
      if (events.length >= atLeast || tries > 10) return events
      await new Promise((done) => setTimeout(done, 200))
    }
  }
  async stop(...args: readonly string[]): Promise<Ended> {
    for (const door of [this.#door, ...this.#before]) door.close()
    return this.desk('down', ...args)
  }
}

export interface StartOptions {
  readonly mode?: Mode
  readonly env?: Readonly<Record<string, string>>
  readonly home?: string
  readonly publicPort?: number
}

/** Starts a platform as `countersign up --detach` does, in a folder and on a port of its own. */
export async function startPlatform(options: StartOptions = {}): Promise<Platform> {
  const home = options.home ?? temporaryFolder('csj-').path
  const publicPort = options.publicPort ?? (await freePort())
  const env = {
    COUNTERSIGN_PUBLIC_PORT: String(publicPort),
    // Several platforms run side by side here.
    COUNTERSIGN_ADMIN_PORT: '0',
    ...options.env,
  }
  const ended = await desk(
    ['up', '--detach', ...(options.mode === 'one' ? ['--one-process'] : [])],
    { home, env, timeoutMs: 90_000 },
  )
  if (ended.code !== 0)
    throw new Error(`up ended with ${ended.code}:\n${ended.stdout}\n${ended.stderr}`)
  return new Platform(home, publicPort, env)
}
