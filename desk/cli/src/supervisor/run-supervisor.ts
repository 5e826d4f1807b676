import { createLog } from '@countersign/ground/telemetry'
import { openSync, writeSync } from 'node:fs'
import type { Config } from '../config/config.ts'
import type { Desk } from '../desk.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { takeLock } from '../home/lock.ts'
import { prepareHome } from '../home/prepare.ts'
import type { ControlRequest, PlatformStatus } from './control-protocol.ts'
import { serveControl } from './control-server.ts'
import { createHouseRunner } from './house-runner.ts'
import { inheritedEnv } from './inherited-env.ts'
import { boundLogs } from './log-bounds.ts'
import { Platform } from './platform.ts'
import { createProcessRunner } from './process-runner.ts'
import { startFailure } from './start-failure.ts'
import { onStopSignals } from './stop-signals.ts'

/** Who watches a start: a terminal, or the command that started us in the background. */
export interface Watcher {
  progress(text: string): void
  ready(status: PlatformStatus): void
  note(text: string): void
}

/** Runs the platform of this folder until it is told to stop, by signal or by `countersign down`. */
export async function runSupervisor(
  desk: Desk,
  options: { config: Config; oneProcess: boolean },
  watcher: Watcher,
): Promise<ExitCode> {
  const { layout } = desk
  await prepareHome(layout)
  const release = await takeLock(layout)
  const log = createLog({
    service: 'desk',
    node: 'supervisor',
    level: options.config.logLevel,
    destination: fileDestination(layout.log('supervisor')),
  })
  const platform = new Platform({
    config: options.config,
    layout,
    log,
    env: desk.env,
    mode: options.oneProcess ? 'one-process' : 'processes',
    runner: (options.oneProcess ? createHouseRunner : createProcessRunner)({
      logOf: layout.log,
      inherited: inheritedEnv(desk.env),
    }),
    onProgress: watcher.progress,
    onCrash: (instance, { lastExit }) =>
      watcher.note(
        `${instance} ended (${lastExit?.signal ?? `exit code ${lastExit?.code}`}); it starts again`,
      ),
  })
  const stopped = Promise.withResolvers<void>()
  const stop = (): void => {
    watcher.note('stopping')
    void platform.stop().then(stopped.resolve, stopped.reject)
  }
  const forget = onStopSignals({
    first: stop,
    second: () => void platform.kill().then(stopped.resolve, stopped.reject),
  })
  const stopBounding = boundLogs(layout)
  const closeControl = await serveControl(layout.control, async (request) =>
    answer(platform, request, stop),
  )
  try {
    await Promise.race([platform.start(), stopped.promise])
    if (!platform.stopping) watcher.ready(await platform.status())
    await stopped.promise
    return EXIT.ok
  } catch (error) {
    if (platform.stopping) return EXIT.ok
    const failure = await startFailure(error, layout)
    log.error({ err: error }, 'the start failed')
    await platform.stop()
    throw failure
  } finally {
    forget()
    stopBounding()
    await closeControl()
    await release()
  }
}

function answer(
  platform: Platform,
  request: ControlRequest,
  stop: () => void,
): Promise<unknown> | undefined {
  switch (request.op) {
    case 'status':
      return platform.status()
    case 'join':
      return platform.joinEnv(request)
    case 'stop-part':
      return platform.stopPart(request.instance)
    case 'start-part':
      return platform.startPart(request.instance)
    case 'restart-part':
      return platform.restartPart(request.instance)
    case 'stop':
      stop()
      return undefined
  }
}

/** Written at once: what a supervisor says last is what one wants to read. */
function fileDestination(path: string): { write(line: string): void } {
  const file = openSync(path, 'a', 0o600)
  return { write: (line) => void writeSync(file, line) }
}
