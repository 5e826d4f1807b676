import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import type { Writable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import type { EngineLog } from './engine-log.ts'
import { EngineError } from './engine.ts'
import { STOP_MS } from './limits.ts'

/*
 * An engine is no child of the terminal: Ctrl-C reaches the supervisor alone, which stops the engines after their
 * users. But it must not outlive the supervisor either. So a shell starts a watcher that waits for the end of a pipe,
 * whose other end only the supervisor holds, and then becomes the engine itself. When the supervisor dies, however
 * that happens, the pipe ends and the watcher sends the signal. The watcher is orphaned on purpose: PostgreSQL
 * takes an unknown child for a crash.
 */
export const GUARD = `signal=$1; shift
( { if read -r line <&3; then :; else kill -s "$signal" $$ 2>/dev/null; fi; } & )
exec "$@" 3<&-`

export interface GuardedOptions {
  readonly command: string
  readonly args: readonly string[]
  readonly cwd: string
  readonly log: EngineLog
  /** Sent one after the other, each with `STOP_MS` to work; SIGKILL comes last. The first one also when the supervisor dies. */
  readonly signals: readonly [NodeJS.Signals, ...NodeJS.Signals[]]
  readonly user?: { readonly uid: number; readonly gid: number } | undefined
}
export interface Guarded {
  readonly pid: number | undefined
  readonly exited: Promise<void>
  readonly running: boolean
  stop(): Promise<void>
}

/** Starts an engine with an empty environment, so that it inherits no secret of the supervisor. */
export function startGuarded(options: GuardedOptions): Guarded {
  const spawning: SpawnOptions = {
    cwd: options.cwd,
    env: { PATH: '/usr/local/bin:/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' },
    detached: true,
    stdio: ['ignore', options.log.descriptor, options.log.descriptor, 'pipe'],
    ...options.user,
  }
  const guard = ['-c', GUARD, 'engine', options.signals[0].slice(3), options.command]
  const child = spawn('/bin/sh', [...guard, ...options.args], spawning)
  const pipe = child.stdio[3] as Writable | null
  // The watcher may be gone before us; there is nothing to do then.
  pipe?.on('error', () => {})
  const exited = endOf(child).then(() => void pipe?.end('over\n'))
  return {
    pid: child.pid,
    exited,
    get running() {
      return isRunning(child)
    },
    stop: () => stopChild(child, exited, options.signals),
  }
}

/** Resolves when the process is gone, or could not be started at all. */
export function endOf(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    child.once('exit', () => resolve())
    child.once('error', () => child.pid === undefined && resolve())
  })
}

function isRunning(child: ChildProcess): boolean {
  return child.pid !== undefined && child.exitCode === null && child.signalCode === null
}

/** Sends the signals, each with time to work, and SIGKILL at last. */
export async function stopChild(
  child: ChildProcess,
  exited: Promise<void>,
  signals: readonly NodeJS.Signals[],
): Promise<void> {
  for (const signal of [...signals, 'SIGKILL'] as const) {
    if (!isRunning(child)) return exited
    child.kill(signal)
    if (await within(exited, STOP_MS)) return
  }
  throw new EngineError(`process ${child.pid} does not end; end it by hand`)
}

/** Whether the promise settled in time. */
export async function within(promise: Promise<unknown>, timeoutMs: number): Promise<boolean> {
  const abort = new AbortController()
  const timer = sleep(timeoutMs, false, { signal: abort.signal }).catch(() => false)
  const settled = await Promise.race([promise.then(() => true), timer])
  abort.abort()
  return settled
}
