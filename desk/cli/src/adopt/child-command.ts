import { type ChildProcess, spawn, type StdioOptions } from 'node:child_process'
import { once } from 'node:events'
import type { Writable } from 'node:stream'
import { GUARD } from '@countersign/engines'
import type { Env } from '@countersign/service'
import { ADOPTED_STOP_MS_MAX } from '../limits.ts'

/** How a shell ends that does not find what it is to become (POSIX, 2.8.2). */
const NOT_FOUND = 127

/** A program of somebody else's, started and stopped with its service. It learns nothing of the platform but its files. */
export class ChildCommand {
  readonly #words: readonly string[]
  readonly #where: { readonly folder: string; readonly env: Env }
  readonly #onEnd: (said: string) => void
  #child: ChildProcess | undefined

  /** `onEnd`: it has ended by itself. */
  constructor(
    words: readonly string[],
    where: { readonly folder: string; readonly env: Env },
    onEnd: (said: string) => void,
  ) {
    this.#words = words
    this.#where = where
    this.#onEnd = onEnd
  }

  async start(): Promise<void> {
    const [program = '', ...args] = this.#words
    const { folder: cwd, env } = this.#where
    // In a group of its own: Ctrl-C arrives here, and goes on to it in order. It ends with us whatever ends us.
    const stdio: StdioOptions = ['inherit', 'inherit', 'inherit', 'pipe']
    const options = { cwd, env: { ...env }, stdio, detached: true }
    const child = spawn('/bin/sh', ['-c', GUARD, 'adopted', 'TERM', program, ...args], options)
    const pipe = child.stdio[3] as Writable | null
    // The watcher may be gone before us; there is nothing to do then.
    pipe?.on('error', () => undefined)
    await once(child, 'spawn')
    this.#child = child
    child.once('exit', (code, signal) => {
      pipe?.end('over\n')
      if (this.#child !== child) return
      this.#child = undefined
      const how = signal ?? (code === NOT_FOUND ? 'there is no such program' : `exit code ${code}`)
      this.#onEnd(`${program} ended (${how})`)
    })
  }

  signal(name: NodeJS.Signals): void {
    this.#child?.kill(name)
  }

  /** Orderly for a bounded time, then at once. */
  async stop(): Promise<void> {
    const child = this.#child
    this.#child = undefined
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'exit')
    child.kill('SIGTERM')
    const late = setTimeout(() => child.kill('SIGKILL'), ADOPTED_STOP_MS_MAX)
    await ended
    clearTimeout(late)
  }

  kill(): void {
    this.#child?.kill('SIGKILL')
  }
}
