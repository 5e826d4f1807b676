import { type ChildProcess, spawn } from 'node:child_process'
import { resolve } from 'node:path'
import { processEnv } from '../config/env.ts'

export const REPOSITORY: string = resolve(import.meta.dirname, '../../..')
const CLI = resolve(REPOSITORY, 'desk/cli/bin/countersign.mjs')

export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}
export interface DeskOptions {
  readonly home: string
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
  readonly timeoutMs?: number
}

/** Runs `countersign …` as a person would, and waits for its end. */
export async function desk(args: readonly string[], options: DeskOptions): Promise<Ended> {
  const child = startDesk(args, options)
  const out = collect(child)
  const timer = setTimeout(() => child.kill('SIGKILL'), options.timeoutMs ?? 60_000)
  const code = await new Promise<number | null>((done) => child.once('close', done))
  clearTimeout(timer)
  return { code, ...out() }
}

/** Starts `countersign …` and leaves it running. */
export function startDesk(args: readonly string[], options: DeskOptions): ChildProcess {
  return spawn(process.execPath, [CLI, ...args], {
    cwd: options.cwd ?? options.home,
    env: { ...processEnv(), COUNTERSIGN_HOME: options.home, NO_COLOR: '1', ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}

/** What a process has said so far. */
export function collect(child: ChildProcess): () => { stdout: string; stderr: string } {
  let stdout = ''
  let stderr = ''
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  return () => ({ stdout, stderr })
}
