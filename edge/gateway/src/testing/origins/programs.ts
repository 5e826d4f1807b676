import { type ChildProcess, spawn } from 'node:child_process'
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:https'
import { connect } from 'node:net'
import { join } from 'node:path'
import { freePort, has, until } from '@countersign/ground/testkit'
import { createCredential, type Pki } from '../pki.ts'
import { apacheConfiguration } from './apache-configuration.ts'
import { nginxConfiguration } from './nginx-configuration.ts'
import type { Origin } from './piece.ts'
import type { Recorder } from './recorder.ts'

/** A service behind the gateway: mutual TLS 1.3 with the certificate of its name. */
export interface RunningOrigin {
  readonly name: Origin
  readonly port: number
  close(): Promise<void>
}

/** What a program needs to be such a service. */
export interface ProgramFacts {
  readonly folder: string
  readonly port: number
  readonly recorderPort: number
}

const PROGRAMS = {
  nginx: {
    command: (folder: string) => ['nginx', '-p', folder, '-c', join(folder, 'nginx.conf')],
    file: 'nginx.conf',
    configuration: nginxConfiguration,
  },
  apache: {
    command: (folder: string) => [
      ...['apache2', '-d', folder, '-f', join(folder, 'apache.conf'), '-D', 'FOREGROUND'],
    ],
    file: 'apache.conf',
    configuration: apacheConfiguration,
  },
} as const

/** Whether this machine has what an origin runs on. */
export const isInstalled = (name: Origin): boolean =>
  name === 'node' || has(name === 'apache' ? 'apache2' : name)

/** Starts the one called `name`, with its files in `folder`. */
export async function startOrigin(
  name: Origin,
  around: { readonly pki: Pki; readonly recorder: Recorder; readonly folder: string },
): Promise<RunningOrigin> {
  const { pki, recorder } = around
  const { chain, key } = await createCredential(pki, name)
  if (name === 'node') return startNode({ chain, key, ca: pki.bundle }, recorder)
  const folder = join(around.folder, name)
  mkdirSync(folder)
  // Workers of a server that root starts are somebody else.
  chmodSync(folder, 0o755)
  const { command, file, configuration } = PROGRAMS[name]
  const port = await freePort()
  writeFileSync(join(folder, 'chain.pem'), chain)
  writeFileSync(join(folder, 'key.pem'), key, { mode: 0o600 })
  writeFileSync(join(folder, 'ca.pem'), pki.bundle)
  writeFileSync(join(folder, file), configuration({ folder, port, recorderPort: recorder.port }))
  const [program = '', ...args] = command(folder)
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-4_096)
  })
  await until(() => {
    if (child.exitCode !== null) throw new Error(`${program} has ended: ${said}`)
    return listens(port)
  }, `${program} listens`)
  return { name, port, close: () => stop(child) }
}

async function startNode(
  { chain, key, ca }: { chain: string; key: string; ca: string },
  recorder: Recorder,
): Promise<RunningOrigin> {
  const server = createServer({
    ...{ cert: chain, key, ca, requestCert: true, rejectUnauthorized: true },
    ...{ minVersion: 'TLSv1.3', keepAliveTimeout: 60_000, maxHeaderSize: 64 * 1024 },
  })
  server.maxHeadersCount = 0
  recorder.listenTo(server, 'node')
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const close = async (): Promise<void> => {
    server.close()
    server.closeAllConnections()
  }
  return { name: 'node', port, close }
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGTERM')
  await ended
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    const end = (answer: boolean): void => {
      socket.destroy()
      resolve(answer)
    }
    socket.once('connect', () => end(true)).once('error', () => end(false))
  })
}
