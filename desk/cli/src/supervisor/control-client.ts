import { connect } from 'node:net'
import { DeskError, systemCode } from '../errors.ts'
import type { Layout } from '../home/layout.ts'
import { currentLock } from '../home/lock.ts'
import { CONTROL_CALL_MS_MAX, CONTROL_LINE_BYTES_MAX } from '../limits.ts'
import { type ControlRequest, parseAnswer } from './control-protocol.ts'

/** Asks the running supervisor. Throws `DeskError` NOT_RUNNING where there is none, FAILED with its words where it refuses. */
export async function askSupervisor(
  layout: Layout,
  request: ControlRequest,
  timeoutMs: number = CONTROL_CALL_MS_MAX,
): Promise<unknown> {
  if (currentLock(layout) === undefined) throw notRunning(layout)
  const answer = parseAnswer(await exchange(layout, JSON.stringify(request), timeoutMs))
  if (!answer.ok) throw new DeskError('FAILED', answer.message)
  return answer.value
}

export function notRunning(layout: Layout): DeskError {
  return new DeskError(
    'NOT_RUNNING',
    `countersign does not run in ${layout.root}.\nStart it with: countersign up`,
  )
}

function exchange(layout: Layout, line: string, timeoutMs: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(layout.control)
    let text = ''
    const fail = (error: Error): void => {
      socket.destroy()
      reject(error)
    }
    socket.setEncoding('utf8')
    socket.setTimeout(timeoutMs, () =>
      fail(new DeskError('FAILED', `the supervisor did not answer within ${timeoutMs} ms`)),
    )
    socket.on('error', (error) => {
      const gone = ['ENOENT', 'ECONNREFUSED'].includes(systemCode(error) ?? '')
      fail(
        gone
          ? notRunning(layout)
          : new DeskError('FAILED', `the supervisor cannot be reached (${systemCode(error)})`, {
              cause: error,
            }),
      )
    })
    socket.on('connect', () => socket.write(`${line}\n`))
    socket.on('data', (chunk: string) => {
      text += chunk
      if (text.length > CONTROL_LINE_BYTES_MAX)
        fail(new DeskError('FAILED', 'the supervisor said too much'))
    })
    socket.on('end', () => {
      socket.destroy()
      if (text === '') reject(new DeskError('FAILED', 'the supervisor hung up; it may be stopping'))
      else resolve(text)
    })
  })
}
