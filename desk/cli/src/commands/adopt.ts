import { mkdir } from 'node:fs/promises'
import { constants } from 'node:os'
import { resolve } from 'node:path'
import { workloadId } from '@countersign/contract'
import { createLog } from '@countersign/ground/telemetry'
import { joinMesh } from '@countersign/service'
import { Adopted } from '../adopt/adopted.ts'
import { requireOurs } from '../adopt/certificate-files.ts'
import type { Desk } from '../desk.ts'
import { DeskError } from '../errors.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { readableLine } from '../logs/readable-line.ts'
import { countOption } from '../options.ts'
import { askSupervisor } from '../supervisor/control-client.ts'
import { joinEnvSchema } from '../supervisor/control-protocol.ts'
import { isOwnName } from '../supervisor/parts.ts'
import { onStopSignals } from '../supervisor/stop-signals.ts'
import { readSeeds } from '../supervisor/seeds.ts'

export interface AdoptOptions {
  readonly port?: string
  readonly certs: string
  readonly number: string
  readonly reload?: string
}

/**
 * `countersign adopt <name>`: takes in a program that knows nothing of this platform and serves HTTPS with PEM files. It
 * gets a certificate of its name, kept fresh, and is found under that name for as long as it answers with it.
 */
export async function adopt(
  desk: Desk,
  name: string,
  command: readonly string[],
  options: AdoptOptions,
): Promise<ExitCode> {
  if (isOwnName(name))
    throw new DeskError('USAGE', `${name} is a name of the platform itself; choose another`)
  const port = options.port === undefined ? undefined : portOption(options.port)
  const reload = options.reload === undefined ? undefined : signalOption(options.reload)
  const folder = resolve(desk.folder, options.certs)
  const number = countOption('--number', options.number)
  const env = joinEnvSchema.parse(await askSupervisor(desk.layout, { op: 'join', name, number }))
  const { trustDomain } = await readSeeds(desk.layout)
  await requireOurs(folder, workloadId(trustDomain, name))
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const adopted = new Adopted({ desk, name, port, folder, reload, command })
  const joined = await joinMesh(name, env, {
    log: logTo(desk, name, env.COUNTERSIGN_INSTANCE ?? name),
    onLost: (why) => adopted.end(`the certificate of ${name} ${LOST[why]}; start it anew`),
  })
  const forget = onStopSignals({ first: () => adopted.end(), second: () => adopted.kill() })
  try {
    const said = await adopted.run(joined)
    if (said === undefined) return EXIT.ok
    throw new DeskError('FAILED', said)
  } finally {
    forget()
    await joined.close()
  }
}
const LOST = { revoked: 'was taken back', expired: 'has expired' } as const

/** What goes wrong is for who watches; what the program itself prints stays alone on standard output. */
function logTo({ output }: Desk, service: string, node: string): ReturnType<typeof createLog> {
  const write = (line: string): void => output.note(readableLine(service, line, output.colours))
  return createLog({ service, node, level: 'warn', destination: { write } })
}

function portOption(text: string): number {
  const port = countOption('--port', text)
  if (port >= 1 && port <= 65_535) return port
  throw new DeskError('USAGE', `--port takes a port from 1 to 65535, not ${text}`)
}

function signalOption(text: string): NodeJS.Signals {
  const name = text.startsWith('SIG') ? text : `SIG${text}`
  if (Object.hasOwn(constants.signals, name)) return name as NodeJS.Signals
  throw new DeskError('USAGE', `--reload takes a signal such as HUP, not ${JSON.stringify(text)}`)
}
