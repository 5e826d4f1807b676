import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { createConnection } from 'node:net'
import { join } from 'node:path'
import { temporaryFolder, until } from '@countersign/ground/testkit'
import { testTools } from './tools.ts'
import { type OpenFleetStore, openRedisFleetStore } from '@countersign/layers'

/** Whether this machine has a Redis to test with. */
export const hasRedis: boolean = spawnSync('redis-server', ['--version']).status === 0

/** A real Redis, and stores of gateways that share it. */
export class FleetRedis implements AsyncDisposable {
  readonly #folder = temporaryFolder('cs-fleet-')
  readonly #opened: OpenFleetStore[] = []
  readonly socketPath: string = join(this.#folder.path, 'redis.sock')
  #child: ChildProcess | undefined

  start(): void {
    const settings = ['--port', '0', '--unixsocket', this.socketPath, '--save', '', '--dir']
    this.#child = spawn('redis-server', [...settings, this.#folder.path], { stdio: 'ignore' })
  }
  /** As hard as `kill -9`: all that it knew is gone. */
  async kill(): Promise<void> {
    const child = this.#child
    this.#child = undefined
    if (child === undefined) return
    const exited = once(child, 'exit')
    child.kill('SIGKILL')
    await exited
  }
  /** With a connection of its own, and patient: a machine that is busy is no loss of Redis. */
  async open(): Promise<OpenFleetStore> {
    const { socketPath } = this
    const store = await openRedisFleetStore({ socketPath, timeoutMs: 30_000, log: testTools().log })
    this.#opened.push(store)
    await answering(store)
    return store
  }
  /** It has been there for ever, as its clients see it. */
  async age(): Promise<void> {
    const socket = createConnection(this.socketPath)
    socket.write('SET fleet:{one}:born 0\r\n')
    await once(socket, 'data')
    socket.destroy()
  }
  async [Symbol.asyncDispose](): Promise<void> {
    for (const store of this.#opened) store.close()
    await this.kill()
    this.#folder[Symbol.dispose]()
  }
}

export const answering = (store: OpenFleetStore): Promise<void> =>
  until(async () => (await store.get('any')) !== 'away', 'Redis answers', 20_000)
