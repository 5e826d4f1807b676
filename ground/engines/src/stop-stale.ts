import { execFile } from 'node:child_process'
import { readFile, readlink, realpath, rm } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import type { Log } from '@countersign/ground/telemetry'
import { EngineError } from './engine.ts'
import { POLL_MS, STOP_MS } from './limits.ts'

const run = promisify(execFile)

/**
 * Ends an engine that an earlier supervisor left behind. The pid file alone is no proof, because numbers are used
 * again: the process must also have its working directory in the engine's folder. A pid file without its process is removed.
 */
export async function stopStale(options: {
  pidFile: string
  folder: string
  signals: readonly NodeJS.Signals[]
  log: Log
}): Promise<void> {
  const text = await readFile(options.pidFile, 'utf8').catch(() => undefined)
  if (text === undefined) return
  const pid = Number.parseInt(text, 10)
  if (!(pid > 1) || pid === process.pid || !(await livesIn(pid, options.folder))) {
    await rm(options.pidFile, { force: true })
    return
  }
  options.log.warn({ pid, folder: options.folder }, 'stopping an engine of an earlier run')
  for (const signal of [...options.signals, 'SIGKILL'] as const) {
    send(pid, signal)
    if (await gone(pid, options.folder)) return void (await rm(options.pidFile, { force: true }))
  }
  throw new EngineError(
    `process ${pid} of an earlier run still uses ${options.folder}; end it (kill ${pid}) and start again`,
  )
}

async function livesIn(pid: number, folder: string): Promise<boolean> {
  if (!send(pid, 0)) return false
  const home = await realpath(folder).catch(() => folder)
  return (await workingDirectory(pid)) === home
}

async function workingDirectory(pid: number): Promise<string | undefined> {
  if (process.platform === 'linux') return readlink(`/proc/${pid}/cwd`).catch(() => undefined)
  const args = ['-a', '-p', String(pid), '-d', 'cwd', '-Fn']
  const { stdout } = await run('lsof', args).catch(() => ({ stdout: '' }))
  return /^n(.*)$/m.exec(stdout)?.[1]
}

/** Whether the process is there. One of another user counts as gone: it is none of ours. */
function send(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, signal)
  } catch {
    return false
  }
}

async function gone(pid: number, folder: string): Promise<boolean> {
  for (let i = 0; i < STOP_MS / POLL_MS; i++) {
    // A process that ended but was not collected by its parent has no working directory any more.
    if (!(await livesIn(pid, folder))) return true
    await sleep(POLL_MS)
  }
  return false
}
