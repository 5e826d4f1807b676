import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

const START_MS_MAX = 20_000
const STOP_MS_MAX = 10_000
const SAID_CHARS_MAX = 8_192

/** A program that runs beside us. */
export interface Program {
  readonly child: ChildProcess
  readonly pid: number
  /** The end of what it has said on stderr. */
  said(): string
  /** Nanoseconds on a CPU so far: all threads of it and of the processes below it. */
  cpuNanos(): number
  stop(): Promise<void>
}

export interface Start {
  /** The core that it is pinned to. */
  readonly core: number | undefined
  readonly command: readonly string[]
  readonly cwd: string
  readonly env?: Readonly<Record<string, string>>
  /** It has started when somebody listens there. */
  readonly port?: number
}

/** Starts a program. Throws with what it has said where it ends before it listens. */
export async function startProgram(start: Start): Promise<Program> {
  const pin = start.core === undefined ? [] : ['taskset', '-c', String(start.core)]
  const [file = '', ...args] = [...pin, ...start.command]
  const child = spawn(file, args, {
    cwd: start.cwd,
    stdio: ['pipe', 'pipe', 'pipe'],
    ...(start.env === undefined ? {} : { env: start.env }),
  })
  let said = ''
  const keep = (text: string): void => {
    said = (said + text).slice(-SAID_CHARS_MAX)
  }
  child.stderr?.setEncoding('utf8').on('data', keep)
  child.once('error', (error) => keep(error.message))
  const { pid } = child
  if (pid === undefined) throw new Error(`${file} cannot be started`)
  const program: Program = {
    ...{ child, pid, said: () => said, cpuNanos: () => cpuNanosOf(pid) },
    stop: () => stopChild(child),
  }
  if (start.port === undefined) return program
  // What is not read would fill the pipe; a load generator is read by its owner.
  child.stdout?.resume()
  for (const end = Date.now() + START_MS_MAX; Date.now() < end; await sleep(50)) {
    if (child.exitCode !== null || child.signalCode !== null) break
    if (await listens(start.port)) return program
  }
  await program.stop()
  throw new Error(`${start.command.join(' ')} did not start:\n${said}`)
}

async function stopChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = new Promise((done) => child.once('exit', done))
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS_MAX)
  child.kill('SIGTERM')
  await ended
  clearTimeout(timer)
}

/** What the kernel counted, in /proc/…/schedstat: exact to the nanosecond, and the same for every language. */
function cpuNanosOf(pid: number): number {
  let sum = 0
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    const task = `/proc/${pid}/task/${thread}`
    // A thread may end between the two.
    try {
      sum += Number(readFileSync(`${task}/schedstat`, 'utf8').split(' ')[0])
      const children = readFileSync(`${task}/children`, 'utf8').trim()
      for (const each of children === '' ? [] : children.split(' ')) sum += cpuNanosOf(Number(each))
    } catch {}
  }
  return sum
}

function listens(port: number): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect(port, '127.0.0.1')
    const end = (answer: boolean): void => {
      socket.destroy()
      done(answer)
    }
    socket.once('connect', () => end(true)).once('error', () => end(false))
  })
}

/** What a program says about itself; undefined where it is not installed. */
export function versionOf(file: string, ...args: string[]): string | undefined {
  try {
    // Some say it on stderr.
    return execFileSync('sh', ['-c', '"$0" "$@" 2>&1', file, ...args], { encoding: 'utf8' })
  } catch {
    return undefined
  }
}
