import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { until } from '@countersign/ground/testkit'

/** Whether this machine has a Redis to test with. */
export const hasRedis: boolean = (() => {
  try {
    execFileSync('redis-server', ['--version'])
    return true
  } catch {
    return false
  }
})()

/** A real Redis on a unix socket, which keeps nothing on disk. */
export class TestRedis {
  readonly socketPath: string
  readonly #folder: string
  #child: ChildProcess | undefined
  constructor(folder: string) {
    this.#folder = folder
    this.socketPath = join(folder, 'redis.sock')
  }
  async start(): Promise<void> {
    const settings = ['--port', '0', '--unixsocket', this.socketPath, '--save', '', '--dir']
    this.#child = spawn('redis-server', [...settings, this.#folder], { stdio: 'ignore' })
    await until(() => existsSync(this.socketPath), 'redis-server listens')
  }
  /** As hard as `kill -9`: all that Redis knew is gone. */
  async kill(): Promise<void> {
    await this.#signal('SIGKILL')
  }
  /** Answers nothing, with its connections open, until `resume`. */
  pause(): void {
    this.#child?.kill('SIGSTOP')
  }
  resume(): void {
    this.#child?.kill('SIGCONT')
  }
  async #signal(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child
    if (child === undefined) return
    this.#child = undefined
    const exited = once(child, 'exit')
    child.kill(signal)
    await exited
  }
}
