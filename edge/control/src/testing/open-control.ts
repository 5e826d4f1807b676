import type { ContractDescriptor } from '@countersign/contract'
import type { NewAuditEvent } from '@countersign/contract/platform'
import { deriveKey, newMasterKey } from '@countersign/ground/seal'
import { spiffeId } from '@countersign/ground/spiffe'
import { createLog, Metrics } from '@countersign/ground/telemetry'
import { createRoot, generateKeyPair } from '@countersign/ground/x509'
import { bundledPlugins } from '@countersign/plugins'
import { Refusal } from '@countersign/layers'
import { request } from 'node:http'
import { createControl } from '../part.ts'

const DAY_MS = 86_400_000
export const sealKey = deriveKey(newMasterKey(), 'gateway configuration')

export async function testRoot(name: string): Promise<string> {
  const now = Date.now()
  return createRoot({
    trustDomainId: spiffeId('test.local'),
    commonName: name,
    keys: await generateKeyPair(),
    span: { notBefore: now - DAY_MS, notAfter: now + DAY_MS },
    pathLength: 1,
  })
}

export interface TestControl {
  readonly port: number
  readonly key: string
  readonly events: NewAuditEvent[]
  readonly metrics: Metrics
  /** The contract `control`, called as a person with the role admin, or by a gateway. */
  call(endpoint: string, input?: object): Promise<any>
  /** Other roots. */
  trust(bundle: string): void
  publish(contracts: readonly ContractDescriptor[]): void
  /** Lets no write through to the disk any more. */
  breakStore(): void
  spool: 'taking' | 'full'
  /** What the service that knows the people says of everybody; `away`: nothing. */
  people: readonly string[] | 'closed' | 'away'
  close(): Promise<void>
}
const person = { id: 'u-1', name: 'ada', roles: ['admin'] }

/** The real control plane, with a workload that keeps what it is told. */
export async function openControl(
  folder: string,
  options: { file?: string; bundle?: string; seal?: typeof sealKey; port?: number } = {},
): Promise<TestControl> {
  const events: NewAuditEvent[] = []
  const metrics = new Metrics()
  let bundle = options.bundle ?? (await testRoot('one'))
  let contracts: readonly ContractDescriptor[] = []
  const listeners = { identity: new Set<() => void>(), contracts: new Set<() => void>() }
  const listen = (to: Set<() => void>) => (listener: () => void) => {
    to.add(listener)
    return () => void to.delete(listener)
  }
  const workload = {
    instance: 'control-1',
    log: createLog({ service: 'control', node: 'control-1', level: 'silent' }),
    metrics,
    audit: {
      record: (event: NewAuditEvent) => void events.push(event),
      recordDurably: async (event: NewAuditEvent) => {
        if (control.spool === 'full') throw new Refusal('AUDIT_UNAVAILABLE')
        events.push(event)
      },
      flush: async () => 0,
    },
    identity: { bundle: () => bundle, onChange: listen(listeners.identity) },
    call: () => ({
      describe: async ({ params }: { params: { id: string } }) => {
        const { people: roles } = control
        if (roles === 'away') throw new Error('nobody answers')
        return { person: roles === 'closed' ? null : { id: params.id, username: 'ada', roles } }
      },
    }),
    contracts: () => ({
      current: () => contracts,
      onChange: listen(listeners.contracts),
      close: () => undefined,
    }),
  }
  const control = {
    spool: 'taking' as 'taking' | 'full',
    people: ['admin'] as TestControl['people'],
  }
  const built = await createControl(
    workload as never,
    {
      folder,
      sealKey: options.seal ?? sealKey,
      listen: { host: '127.0.0.1', port: options.port ?? 0 },
      hosts: new Set(['localhost', '127.0.0.1', '[::1]', 'kong']),
      file: options.file,
      plugins: [],
    },
    bundledPlugins,
  )
  const call = async (endpoint: string, input: object = {}): Promise<any> => {
    const handler = built.handlers[endpoint]
    return handler?.({
      permit: { person },
      requestId: 'r-1',
      signal: new AbortController().signal,
      ...input,
    })
  }
  const { key } = await call('mintAdminKey')
  return Object.assign(control, {
    port: built.adminPort,
    key,
    events,
    metrics,
    call,
    trust: (next: string) => {
      bundle = next
      for (const listener of listeners.identity) listener()
    },
    publish: (next: readonly ContractDescriptor[]) => {
      contracts = next
      for (const listener of listeners.contracts) listener()
    },
    breakStore: () => built.store.database.exec('PRAGMA query_only = ON'),
    close: async () => {
      await built.drain?.()
      await built.close?.()
    },
  })
}

export interface Got {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: any
}
/** A request to the Admin API. `form`: urlencoded. */
export function ask(
  at: Pick<TestControl, 'port' | 'key'>,
  line: string,
  sent: {
    form?: string
    json?: unknown
    raw?: { type: string; text: string }
    headers?: Record<string, string>
  } = {},
): Promise<Got> {
  const [method = 'GET', path = '/'] = line.split(' ')
  const type =
    sent.form !== undefined
      ? 'application/x-www-form-urlencoded'
      : sent.json !== undefined
        ? 'application/json'
        : sent.raw?.type
  const body = sent.form ?? (sent.json === undefined ? sent.raw?.text : JSON.stringify(sent.json))
  const headers = {
    'kong-admin-token': at.key,
    ...(type === undefined ? {} : { 'content-type': type }),
    ...(body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) }),
    ...sent.headers,
  }
  return new Promise((resolve, reject) => {
    const asked = request(
      { host: '127.0.0.1', port: at.port, method, path, headers, agent: false },
      (answer) => {
        let text = ''
        answer.setEncoding('utf8')
        answer.on('data', (piece: string) => {
          text += piece
        })
        answer.on('end', () => {
          const status = answer.statusCode ?? 0
          resolve({
            status,
            headers: answer.headers,
            body: text === '' ? undefined : JSON.parse(text),
          })
        })
      },
    )
    asked.on('error', reject)
    asked.end(body)
  })
}
