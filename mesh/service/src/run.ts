import { flushCompileCache } from 'node:module'
import { messageOf } from '@countersign/ground/errors'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { SETTLED_MS } from './limits.ts'
import type { Part } from './part.ts'
import { type Running, startPart } from './start.ts'

/** What a process tells its supervisor. */
export type ProcessMessage =
  | { readonly type: 'ready'; readonly host: string; readonly port: number }
  | { readonly type: 'failed'; readonly message: string }

/** The configuration or the contract is wrong: starting again would not help (sysexits EX_CONFIG). */
const EXIT_CONFIG = 78
/**
 * The certificate of this process was taken back, or has expired without a new one: no door takes it any more. A start
 * with a fresh join token is what helps.
 */
export const EXIT_CERTIFICATE_LOST = 79

/**
 * Runs a part as this process: starts it, tells the supervisor, stops it on SIGTERM, SIGINT or when the supervisor
 * is gone. A second signal forces.
 */
export async function run(part: Part): Promise<void> {
  // What this process writes is for its owner only.
  process.umask(0o077)
  let running: Running | undefined
  let stopping = false
  let everythingEnds = false
  const stop = async (): Promise<void> => {
    if (stopping) process.exit(1)
    stopping = true
    await running?.close({ everythingEnds })
    process.exit(0)
  }
  const fail = (error: unknown): never => {
    tell({ type: 'failed', message: messageOf(error) })
    console.error(messageOf(error))
    process.exit(isConfigError(error) ? EXIT_CONFIG : 1)
  }
  const lost = (why: 'revoked' | 'expired'): void => {
    tell({ type: 'failed', message: `the certificate of this process ${LOST[why]}` })
    // Nobody answers us any more, so there is nothing to finish; what is on the spool is sent after the next start.
    process.exit(EXIT_CERTIFICATE_LOST)
  }
  process.on('SIGTERM', () => void stop())
  process.on('message', (message) => {
    everythingEnds ||= isEverythingEnds(message)
  })
  // Ctrl-C reaches every process of a terminal; under a supervisor the order of stopping is its to decide.
  process.on('SIGINT', () => (process.channel ? undefined : void stop()))
  process.on('disconnect', () => void stop())
  process.on('uncaughtException', (error) => {
    running?.workload.log.fatal({ err: error }, 'an exception that nobody caught')
    fail(error)
  })
  try {
    running = await startPart(part, process.env, { ownsProcess: true, onLost: lost })
    tell({ type: 'ready', host: running.host, port: running.port })
    setTimeout(collectOnce, SETTLED_MS).unref()
    // Written now and not at the end: the processes that start next, and a start after a kill, find it.
    flushCompileCache()
  } catch (error) {
    fail(error)
  }
}

const LOST = { revoked: 'was taken back', expired: 'has expired' } as const

function tell(message: ProcessMessage): void {
  if (process.connected) process.send?.(message)
}

/** What a supervisor says before it stops all of a platform. */
export const EVERYTHING_ENDS = { type: 'everything-ends' } as const

function isEverythingEnds(message: unknown): boolean {
  if (typeof message !== 'object' || message === null || !('type' in message)) return false
  return message.type === EVERYTHING_ENDS.type
}

function isConfigError(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  return code === 'CONFIG_INVALID' || code === 'CONTRACT_INVALID' || code === 'POLICY_INVALID'
}

/** Loading leaves much behind. One collection when a process has settled gives back some 15 MB, which a dozen of them feel. */
function collectOnce(): void {
  setFlagsFromString('--expose-gc')
  const gc: unknown = runInNewContext('gc')
  if (typeof gc === 'function') gc()
}
