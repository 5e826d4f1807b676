import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import type { Env } from '@countersign/service'
import type { Desk } from '../desk.ts'
import { DeskError } from '../errors.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { readServiceFile, SERVICE_FILE } from '../home/service-file.ts'
import { readableLine } from '../logs/readable-line.ts'
import { countOption } from '../options.ts'
import { askSupervisor } from '../supervisor/control-client.ts'
import { joinEnvSchema } from '../supervisor/control-protocol.ts'
import { isOwnName } from '../supervisor/parts.ts'
import { NODE_FLAGS } from '../supervisor/process-runner.ts'
import { EXIT_CONFIG } from '../supervisor/process-spec.ts'
import { onStopSignals } from '../supervisor/stop-signals.ts'
import { readSeeds } from '../supervisor/seeds.ts'

/** `countersign run <main>`: joins a service of a user to the running platform and stays with it until Ctrl-C. */
export async function runService(
  desk: Desk,
  main: string,
  options: { name?: string; number: string },
): Promise<ExitCode> {
  const path = resolve(desk.folder, main)
  if (!existsSync(path)) throw new DeskError('USAGE', `there is no file ${path}`)
  const name = options.name ?? nameInFile(desk.folder)
  const number = countOption('--number', options.number)
  const env = joinEnvSchema.parse(await askSupervisor(desk.layout, { op: 'join', name, number }))
  const { publicUrl } = await readSeeds(desk.layout)
  const child = spawnService(path, { ...desk.env, ...env }, desk.output.interactive)
  if (child.stdout !== null) readably(child.stdout, name, desk)
  child.on('message', (message) => {
    if (typeof message !== 'object' || message === null || !('type' in message)) return
    if (message.type === 'ready')
      desk.output.note(`${name} is ready behind ${publicUrl}. Ctrl-C stops it.`)
  })
  const forget = onStopSignals({
    first: () => void child.kill('SIGTERM'),
    second: () => void child.kill('SIGKILL'),
  })
  try {
    return await endOf(child, main)
  } finally {
    forget()
  }
}

/**
 * The name that the folder claims. A folder can come from anybody, and with the name of a service of the platform it
 * would get that service's certificate: that has to be said in so many words.
 */
function nameInFile(folder: string): string {
  const name = readServiceFile(folder)?.service
  if (name === undefined)
    throw new DeskError('USAGE', 'the name of the service is not known; add --name <service>')
  if (isOwnName(name))
    throw new DeskError(
      'USAGE',
      `${SERVICE_FILE} says that this is ${name}, which is a service of the platform; if one more of it is meant, add --name ${name}`,
    )
  return name
}

/**
 * In a process group of its own, so that one signal to stop arrives once and from us; with an IPC channel, so that the
 * service ends when we do, whatever ends us.
 */
function spawnService(path: string, env: Env, watched: boolean): ChildProcess {
  const out = watched ? 'pipe' : 'inherit'
  const options: SpawnOptions = {
    stdio: ['ignore', out, 'inherit', 'ipc'],
    env: { ...env },
    detached: true,
  }
  return spawn(process.execPath, [...NODE_FLAGS, path], options)
}

/** For who watches: the service's log lines in a form for people. */
function readably(stream: Readable, name: string, { output }: Desk): void {
  createInterface({ input: stream }).on('line', (line) =>
    output.line(readableLine(name, line, output.colours)),
  )
}

async function endOf(child: ChildProcess, main: string): Promise<ExitCode> {
  const [code, signal] = (await once(child, 'exit')) as [number | null, string | null]
  if (code === 0) return EXIT.ok
  if (code === EXIT_CONFIG) return EXIT.configuration
  throw new DeskError('FAILED', `${main} ended (${signal ?? `exit code ${code}`})`)
}
