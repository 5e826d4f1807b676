import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import type { Desk } from '../desk.ts'
import { DeskError, type DeskErrorCode } from '../errors.ts'
import { prepareHome } from '../home/prepare.ts'
import { DETACHED_READY_MS_MAX } from '../limits.ts'
import { openLog } from './log-file.ts'
import { NODE_FLAGS } from './process-runner.ts'

const CODES = [
  'FAILED',
  'USAGE',
  'NOT_RUNNING',
  'ALREADY_RUNNING',
  'CONFIGURATION',
  'ENVIRONMENT',
] as const satisfies readonly DeskErrorCode[]

/** What a supervisor in the background tells the command that started it. */
const detachedMessageSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('progress'), text: z.string() }),
  z.object({ type: z.literal('ready') }),
  z.object({ type: z.literal('failed'), code: z.enum(CODES), message: z.string() }),
])
export type DetachedMessage = z.infer<typeof detachedMessageSchema>

/** Starts a supervisor in the background and waits until it says that all is ready. Throws what it failed with. */
export async function startDetached(
  desk: Desk,
  options: { oneProcess: boolean; onProgress: (text: string) => void },
): Promise<void> {
  await prepareHome(desk.layout)
  const log = await openLog(desk.layout.log('supervisor'))
  try {
    const main = fileURLToPath(
      new URL(
        import.meta.url.endsWith('.ts') ? '../detached-main.ts' : '../detached-main.js',
        import.meta.url,
      ),
    )
    const child = spawn(
      process.execPath,
      [
        ...NODE_FLAGS,
        '--max-semi-space-size=4',
        main,
        ...(options.oneProcess ? ['--one-process'] : []),
      ],
      {
        cwd: desk.folder,
        detached: true,
        env: { ...desk.env },
        stdio: ['ignore', log.fd, log.fd, 'ipc'],
      },
    )
    await untilReady(child, options.onProgress)
    child.disconnect()
    child.unref()
  } finally {
    await log.close()
  }
}

function untilReady(child: ChildProcess, onProgress: (text: string) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => {
      child.kill('SIGTERM')
      fail('FAILED', `not ready within ${DETACHED_READY_MS_MAX / 1000} s`)
    }, DETACHED_READY_MS_MAX)
    const fail = (code: DeskErrorCode, message: string): void => {
      clearTimeout(late)
      reject(new DeskError(code, message))
    }
    child.once('error', (error) =>
      fail('ENVIRONMENT', `the supervisor cannot be started: ${error.message}`),
    )
    child.once('exit', (code, signal) =>
      fail(
        'FAILED',
        `the supervisor ended (${signal ?? `exit code ${code}`}) before all was ready.\nSee: countersign logs supervisor`,
      ),
    )
    child.on('message', (raw) => {
      const message = detachedMessageSchema.parse(raw)
      if (message.type === 'progress') onProgress(message.text)
      else if (message.type === 'failed') fail(message.code, message.message)
      else {
        clearTimeout(late)
        child.removeAllListeners()
        resolve()
      }
    })
  })
}
