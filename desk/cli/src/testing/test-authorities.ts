import { mkdirSync, writeFileSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { TLSSocket } from 'node:tls'
import { workloadId } from '@countersign/contract'
import { authority } from '@countersign/contract/platform'
import { layoutOf } from '../home/layout.ts'
import { takeLock } from '../home/lock.ts'
import { prepareHome } from '../home/prepare.ts'
import { writeSeeds } from '../supervisor/seeds.ts'
import { createTestPki, type Held, type TestPki, TRUST_DOMAIN } from './test-pki.ts'

/*
 * Authorities for tests of commands: real mTLS servers that answer the contract with what a test tells them to, and a
 * state folder in which a platform seems to run. Inputs and answers are checked against the contract.
 */
const HOUR_MS = 3_600_000

type Endpoints = typeof authority.endpoints
type Answers = { readonly [K in keyof Endpoints]?: (input: any) => unknown }
/** What a test authority throws to refuse. */
export class TestRefusal extends Error {
  readonly status: number
  readonly detail: string
  constructor(status: number, detail: string) {
    super(detail)
    this.status = status
    this.detail = detail
  }
}

export interface TestAuthorities extends AsyncDisposable {
  readonly ports: readonly number[]
  readonly pki: TestPki
  readonly deskSerial: string
  /** Ends one of them. */
  stop(index: number): Promise<void>
}

/** Starts an authority for each set of answers, and lays out `home` as if they were a platform's. */
export async function startTestAuthorities(
  home: string,
  answers: readonly Answers[],
): Promise<TestAuthorities> {
  const layout = layoutOf(home)
  await prepareHome(layout)
  const pki = await createTestPki()
  const desk = await pki.issue(workloadId(TRUST_DOMAIN, 'desk'))
  const own = await pki.issue(workloadId(TRUST_DOMAIN, 'authority'))
  const folder = layout.identity('desk')
  mkdirSync(folder, { mode: 0o700 })
  for (const [name, text] of Object.entries({
    'cert.pem': desk.chain,
    'key.pem': desk.key,
    'bundle.pem': pki.root,
    'trust.json': JSON.stringify({ revoked: [], nextUpdate: Date.now() + HOUR_MS }),
  }))
    writeFileSync(join(folder, name), text, { mode: 0o600 })
  const servers = await Promise.all(answers.map((each) => serve(each, { own, root: pki.root })))
  const ports = servers.map((server) => (server.address() as AddressInfo).port)
  const seeds = ports.map((port) => ({ name: 'authority', host: '127.0.0.1', port }))
  await writeSeeds(layout, { trustDomain: TRUST_DOMAIN, publicUrl: 'https://localhost:1', seeds })
  const release = await takeLock(layout)
  return {
    ports,
    pki,
    deskSerial: desk.serial,
    stop: async (index) => end(servers[index]),
    [Symbol.asyncDispose]: async () => {
      await Promise.all(servers.map(end))
      await release()
    },
  }
}

async function serve(
  answers: Answers,
  { own, root }: { own: Held; root: string },
): Promise<Server> {
  const server = createServer(
    {
      key: own.key,
      cert: own.chain,
      ca: root,
      requestCert: true,
      rejectUnauthorized: true,
      minVersion: 'TLSv1.3',
    },
    (request, response) => {
      void answer(request, answers).then(({ status, body }) => {
        const type = status < 400 ? 'application/json' : 'application/problem+json'
        response.writeHead(status, { 'content-type': type }).end(JSON.stringify(body))
      })
    },
  )
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return server
}

async function answer(
  request: IncomingMessage,
  answers: Answers,
): Promise<{ status: number; body: unknown }> {
  try {
    const subject = (request.socket as TLSSocket).getPeerX509Certificate()?.subjectAltName
    if (subject !== `URI:${workloadId(TRUST_DOMAIN, 'desk')}`)
      throw new TestRefusal(403, 'the caller is not the desk')
    const url = new URL(request.url ?? '/', 'https://authority')
    const at = `${request.method} ${url.pathname}`
    const [name, declared] = Object.entries(authority.endpoints).find(
      ([, endpoint]) => endpoint.at === at,
    ) ?? [undefined, undefined]
    const handle = name === undefined ? undefined : answers[name as keyof Endpoints]
    if (declared === undefined || handle === undefined) throw new TestRefusal(404, `no ${at}`)
    const body = await read(request, declared)
    const query = declared.query?.parse(Object.fromEntries(url.searchParams))
    const said = await handle({ body, query })
    return { status: declared.status ?? 200, body: declared.reply?.parse(said) }
  } catch (error) {
    const status = error instanceof TestRefusal ? error.status : 500
    const detail = error instanceof Error ? error.message : String(error)
    const problem = { type: 'about:blank', title: 'refused', status, code: 'TEST', detail }
    return { status, body: { ...problem, requestId: 'r-1' } }
  }
}

async function read(
  request: IncomingMessage,
  declared: { body?: { parse(value: unknown): unknown } },
): Promise<unknown> {
  let text = ''
  for await (const chunk of request.setEncoding('utf8')) text += chunk
  return text === '' ? undefined : declared.body?.parse(JSON.parse(text))
}

async function end(server: Server | undefined): Promise<void> {
  if (server?.listening !== true) return
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
}
