import { messageOf } from '@countersign/ground/errors'
import { EXIT_CERTIFICATE_LOST, type Part, type Running, startPart } from '@countersign/service'
import { STOP_MS_MAX } from './limits.ts'
import { type HouseAnswer, type HouseOrder, houseOrderSchema } from './supervisor/house-protocol.ts'
import { EXIT_CONFIG } from './supervisor/process-spec.ts'

/* All parts in one process: each is started and stopped by itself, as it would be alone. */
// What this process writes is for its owner only.
process.umask(0o077)
const running = new Map<string, Promise<Running>>()
let first = true
let everythingEnds = false

const tell = (answer: HouseAnswer): void => {
  if (process.connected) process.send?.(answer)
}

async function start(order: HouseOrder & { type: 'start' }): Promise<void> {
  const { instance } = order
  const ownsProcess = first
  first = false
  try {
    const { part } = (await import(order.module)) as { part: Part }
    const onLost = (): void => void end(instance, EXIT_CERTIFICATE_LOST)
    const started = startPart(part, order.env, { ownsProcess, onLost })
    running.set(instance, started)
    await started
    tell({ type: 'ready', instance })
  } catch (error) {
    running.delete(instance)
    const code = error instanceof Error && 'code' in error ? String(error.code) : ''
    tell({ type: 'failed', instance, message: messageOf(error) })
    tell({ type: 'ended', instance, code: code.endsWith('_INVALID') ? EXIT_CONFIG : 1 })
  }
}

async function stop(instance: string): Promise<void> {
  await end(instance, 0)
  if (running.size === 0) process.exit(0)
}

const ending = new Map<string, Promise<void>>()

/** Closes a part, whether it was asked to go or has lost its certificate, and says once how it ended. */
function end(instance: string, code: number): Promise<void> {
  const ended = ending.get(instance) ?? close(instance, code).finally(() => ending.delete(instance))
  ending.set(instance, ended)
  return ended
}

async function close(instance: string, code: number): Promise<void> {
  const part = await running.get(instance)?.catch(() => undefined)
  await part?.close({ everythingEnds }).catch((error: unknown) => console.error(messageOf(error)))
  running.delete(instance)
  tell({ type: 'ended', instance, code })
}

process.on('message', (raw) => {
  const order = houseOrderSchema.parse(raw)
  if (order.type === 'everything-ends') everythingEnds = true
  else void (order.type === 'start' ? start(order) : stop(order.instance))
})
// The order of stopping is the supervisor's to decide, and without one there is nothing to run for.
process.on('SIGINT', () => undefined)
process.on('disconnect', () => {
  setTimeout(() => process.exit(1), STOP_MS_MAX).unref()
  for (const instance of running.keys()) void stop(instance)
  if (running.size === 0) process.exit(0)
})
