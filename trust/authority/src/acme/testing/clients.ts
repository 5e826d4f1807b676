import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer as createHttpServer } from 'node:http'
import { join } from 'node:path'
import { env as parent } from 'node:process'
import { createSecureContext, createServer as createTlsServer } from 'node:tls'
import type { AcmeHost } from './acme-host.ts'

/* The programs that people get certificates with, each in a folder of its own. */

export interface Ran {
  readonly code: number | null
  readonly output: string
}

/** Runs a program to its end; it is killed after `timeoutMs`. */
export async function run(
  program: string,
  args: readonly string[],
  options: { env?: Record<string, string>; timeoutMs?: number } = {},
): Promise<Ran> {
  const { env = {}, timeoutMs = 30_000 } = options
  const child = spawn(program, args, {
    env: { PATH: parent.PATH, HOME: '/nonexistent', LANG: 'C.UTF-8', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const chunks: Buffer[] = []
  child.stdout.on('data', (chunk) => chunks.push(chunk))
  child.stderr.on('data', (chunk) => chunks.push(chunk))
  const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs)
  const [code] = (await once(child, 'close')) as [number | null]
  clearTimeout(timer)
  return { code, output: Buffer.concat(chunks).toString() }
}

/** What a client is tried with. */
export interface Place {
  readonly host: AcmeHost
  readonly folder: string
  /** PEM file of the roots. */
  readonly bundle: string
  /** Puts `$2` into the TXT record `$1`. */
  readonly hook: string
  readonly keyId: string
  readonly macKey: string
}

export async function makePlace(host: AcmeHost, folder: string): Promise<Place> {
  mkdirSync(folder, { recursive: true })
  const bundle = join(folder, 'bundle.pem')
  writeFileSync(bundle, host.bundle)
  const hook = join(folder, 'put-txt.sh')
  const txt = join(host.txtFolder, '$name')
  const text = `#!/bin/sh\nname=$(echo "$1" | sed 's/\\.$//')\necho "$2" >> "${txt}"\n`
  writeFileSync(hook, text, { mode: 0o755 })
  return { host, folder, bundle, hook, ...(await host.createKey()) }
}

/** Answers http-01 from a folder of tokens. */
export async function serveTokens(folder: string, port: number): Promise<{ close(): void }> {
  mkdirSync(folder, { recursive: true })
  const server = createHttpServer((request, response) => {
    const [, token = ''] =
      /^\/\.well-known\/acme-challenge\/([\w-]+)$/.exec(request.url ?? '') ?? []
    const file = join(folder, token)
    if (token !== '' && existsSync(file)) response.end(readFileSync(file))
    else response.writeHead(404).end()
  })
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  return { close: () => server.close() }
}

/** Answers tls-alpn-01 from a folder with `<name>.crt.pem` and `<name>.key.pem`. */
export async function serveAlpn(folder: string, port: number): Promise<{ close(): void }> {
  mkdirSync(folder, { recursive: true })
  const server = createTlsServer({
    ALPNProtocols: ['acme-tls/1'],
    SNICallback: (name, done) => {
      const read = (kind: string) => readFileSync(join(folder, `${name}.${kind}.pem`))
      try {
        done(null, createSecureContext({ cert: read('crt'), key: read('key') }))
      } catch (error) {
        done(error as Error)
      }
    },
  })
  server.on('tlsClientError', () => undefined)
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  return { close: () => server.close() }
}
