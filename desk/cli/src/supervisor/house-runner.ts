import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Env } from '@countersign/service'
import { type HouseAnswer, type HouseOrder, houseAnswerSchema } from './house-protocol.ts'
import { openLog } from './log-file.ts'
import { NODE_FLAGS } from './process-runner.ts'
import type { Exit, ProcessSpec, Runner, Running } from './process-spec.ts'

/** Runs all parts in one process, `house`. When that process ends all of them have ended, and the next start makes a new one. */
export function createHouseRunner(options: {
  logOf: (instance: string) => string
  inherited: Env
}): Runner {
  let house: Promise<ChildProcess> | undefined
  const open = async (): Promise<ChildProcess> => {
    const child = await spawnHouse(options)
    child.once('exit', () => {
      house = undefined
    })
    return child
  }
  return {
    start: async (spec, env) => {
      house ??= open()
      // As in a process of its own: a part knows no other environment than what it is given.
      return startIn(await house, spec, { ...options.inherited, ...env })
    },
  }
}

async function spawnHouse(options: {
  logOf: (name: string) => string
  inherited: Env
}): Promise<ChildProcess> {
  const log = await openLog(options.logOf('house'))
  const suffix = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
  const main = fileURLToPath(new URL(`../house-main.${suffix}`, import.meta.url))
  try {
    const child = spawn(process.execPath, [...NODE_FLAGS, main], {
      detached: true,
      env: { ...options.inherited },
      stdio: ['ignore', log.fd, log.fd, 'ipc'],
    })
    // Each part listens for its own words and end.
    child.setMaxListeners(64)
    await once(child, 'spawn')
    return child
  } finally {
    await log.close()
  }
}

function startIn(house: ChildProcess, spec: ProcessSpec, env: Env): Running {
  const ready = Promise.withResolvers<void>()
  const exited = Promise.withResolvers<Exit>()
  let failure: string | undefined
  const onMessage = (raw: unknown): void => {
    const answer: HouseAnswer = houseAnswerSchema.parse(raw)
    if (answer.instance !== spec.instance) return
    if (answer.type === 'ready') ready.resolve()
    if (answer.type === 'failed') failure = answer.message
    if (answer.type === 'ended') end({ code: answer.code, signal: null })
  }
  const onExit = (code: number | null, signal: string | null): void => end({ code, signal })
  const end = (exit: Exit): void => {
    house.off('message', onMessage)
    house.off('exit', onExit)
    exited.resolve(exit)
  }
  house.on('message', onMessage)
  house.on('exit', onExit)
  const order = (message: HouseOrder): void => {
    if (house.connected) house.send(message)
  }
  order({ type: 'start', instance: spec.instance, module: spec.module, env: { ...env } })
  return {
    pid: house.pid,
    ready: ready.promise,
    exited: exited.promise,
    failure: () => failure,
    announceEnd: () => order({ type: 'everything-ends' }),
    stop: () => order({ type: 'stop', instance: spec.instance }),
    // One process has one life: to end a part that does not listen is to end all.
    kill: () => void house.kill('SIGKILL'),
  }
}
