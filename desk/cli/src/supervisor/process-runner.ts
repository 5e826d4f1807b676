import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { type Env, EVERYTHING_ENDS } from '@countersign/service'
import { z } from 'zod'
import { FAILURE_TEXT_MAX } from '../limits.ts'
import { openLog } from './log-file.ts'
import type { Exit, ProcessSpec, Runner, Running } from './process-spec.ts'

/** The flags under which this program itself runs sources; children need the same ones. */
export const NODE_FLAGS: readonly string[] = import.meta.url.endsWith('.ts')
  ? ['--disable-warning=ExperimentalWarning', '--conditions=countersign:source']
  : []

/** The file that runs a room as a process: `main` beside the entry of its package. */
function mainOf(module: string): string {
  const entry = import.meta.resolve(module)
  return fileURLToPath(new URL(entry.endsWith('.ts') ? './main.ts' : './main.js', entry))
}

/**
 * Runs each part as a process of its own, in a process group of its own: Ctrl-C at the terminal reaches the supervisor
 * alone, which then stops the parts in order. A part ends by itself when its IPC channel does.
 */
export function createProcessRunner(options: {
  logOf: (instance: string) => string
  inherited: Env
  mainOf?: (module: string) => string
}): Runner {
  const find = options.mainOf ?? mainOf
  return {
    start: async (spec, env) => {
      const log = await openLog(options.logOf(spec.instance))
      try {
        return launch(spec, find(spec.module), {
          env: { ...options.inherited, ...env },
          fd: log.fd,
        })
      } finally {
        await log.close()
      }
    },
  }
}

function launch(spec: ProcessSpec, main: string, { env, fd }: { env: Env; fd: number }): Running {
  const child = spawn(process.execPath, [...NODE_FLAGS, ...spec.nodeFlags, main], {
    detached: true,
    stdio: ['ignore', fd, fd, 'ipc'],
    env: { ...env },
    argv0: `countersign-${spec.instance}`,
  })
  const ready = Promise.withResolvers<void>()
  const exited = Promise.withResolvers<Exit>()
  let failure: string | undefined
  child.on('message', (message) => {
    const said = processMessage(message)
    if (said?.type === 'ready') ready.resolve()
    if (said?.type === 'failed') failure = said.message
  })
  // A program that cannot be started has no exit; the two events never both settle a promise.
  child.on('error', () => {
    if (child.pid === undefined) exited.resolve({ code: null, signal: null })
  })
  child.on('exit', (code, signal) => exited.resolve({ code, signal }))
  return {
    pid: child.pid,
    ready: ready.promise,
    exited: exited.promise,
    failure: () => failure,
    announceEnd: () => {
      if (child.connected) child.send(EVERYTHING_ENDS, () => undefined)
    },
    stop: () => void child.kill('SIGTERM'),
    kill: () => void child.kill('SIGKILL'),
  }
}

const messageSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('ready') }),
  z.object({ type: z.literal('failed'), message: z.string().max(FAILURE_TEXT_MAX) }),
])

/** What a process may tell us. Anything else it sends is not for us. */
function processMessage(message: unknown): z.infer<typeof messageSchema> | undefined {
  const read = messageSchema.safeParse(message)
  return read.success ? read.data : undefined
}
