import { createSecretKey, randomBytes } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { workloadId } from '@countersign/contract'
import type { NewAuditEvent } from '@countersign/contract/platform'
import { Metrics } from '@countersign/ground/telemetry'
import { freePort } from '@countersign/ground/testkit'
import type { Workload } from '@countersign/service'
import { readSettings } from '@countersign/ground/config'
import { DoorCertificate } from '../../outside/door-certificate.ts'
import { openOutsideDoor } from '../../outside/outside-door.ts'
import { createOutsideEvents } from '../../outside/outside-events.ts'
import {
  DOMAIN,
  type House,
  openHouse,
  plantTree,
  silent,
  type Tree,
} from '../../testing/status-house.ts'
import { type Acme, type AcmeOptions, openAcme } from '../acme.ts'
import { acmeConfig, acmeShape } from '../config.ts'
import { createAcmeEvents } from '../events.ts'
import { type DnsServer, startDns } from './dns-server.ts'

/* An ACME server as it runs: real store, issuing, revocations and outside door; DNS and trust are the test's own. */

export interface AcmeHost {
  /** Without a slash at the end. */
  readonly baseUrl: string
  readonly directory: string
  readonly bundle: string
  readonly acme: Acme
  readonly house: House
  readonly tree: Tree
  readonly dns: DnsServer
  readonly httpPort: number
  readonly tlsPort: number
  readonly events: NewAuditEvent[]
  /** What lies here under a name is its TXT record. */
  readonly txtFolder: string
  /** A key for external account binding. */
  createKey(names?: readonly string[]): Promise<{ keyId: string; macKey: string }>
  /** Stops the server as a crash would: nothing is finished. The folder stays. */
  close(): Promise<void>
}
export interface AcmeHostOptions extends Pick<AcmeOptions, 'now' | 'random' | 'rates'> {
  readonly folder: string
  readonly tree?: Tree
  readonly env?: Readonly<Record<string, string>>
  readonly ports?: Partial<AcmeOptions['ports']>
  readonly resume?: boolean
}

const masterKey = createSecretKey(randomBytes(32))

export async function startAcme(options: AcmeHostOptions): Promise<AcmeHost> {
  const { folder, now = Date.now } = options
  const tree = options.tree ?? (await plantTree('authority-1'))
  const house = await openHouse({ folder, tree, now, holdsRoot: true })
  mkdirSync(join(folder, 'txt'), { recursive: true })
  const dns = await startDns(join(folder, 'txt'))
  dns.set('*', { a: ['127.0.0.1'] })
  const [httpPort, tlsPort] = [await freePort(), await freePort()]
  const events: NewAuditEvent[] = []
  const tools = toolsOf(events)
  const settings = readSettings(
    {
      AUTHORITY_ACME_NETWORKS: '127.0.0.0/8,::1/128',
      AUTHORITY_ACME_RESOLVER: dns.address,
      AUTHORITY_ACME_HTTP_PORT: String(httpPort),
      AUTHORITY_ACME_TLS_PORT: String(tlsPort),
      ...options.env,
    },
    acmeShape,
  )
  const { authority, revocations, store } = house
  const acme = openAcme({
    ...options,
    ...{ store, masterKey, log: silent, events: createAcmeEvents(tools), now },
    config: acmeConfig(settings, [DOMAIN]),
    ports: {
      prepare: (request) => authority.prepare(request),
      ...{ issued: authority.issued, revocations, trust: tree.state },
      ...options.ports,
    },
  })
  if (options.resume !== false) acme.resume()
  const door = await openDoor(house, acme, tools)
  return {
    ...{ acme, house, tree, dns, httpPort, tlsPort, events, bundle: tree.bundle },
    ...{ txtFolder: join(folder, 'txt') },
    ...{ baseUrl: door.baseUrl, directory: `${door.baseUrl}/acme/directory` },
    createKey: async (names) => {
      const made = await acme.createKey({ label: 'test', names, lifetimeMs: 3_600_000 })
      return { keyId: made.id, macKey: made.secret.toString('base64url') }
    },
    close: async () => {
      await door.close()
      await acme.close()
      await house.close()
      dns.close()
    },
  }
}

function toolsOf(events: NewAuditEvent[]): Workload {
  const record = (event: NewAuditEvent) => void events.push(event)
  const audit = { record, recordDurably: async (event: NewAuditEvent) => record(event) }
  // Only what the ACME server uses of a workload.
  return { audit, metrics: new Metrics(), log: silent } as unknown as Workload
}

async function openDoor({ authority }: House, acme: Acme, tools: Workload) {
  const events = createOutsideEvents(tools)
  const names = ['localhost', '127.0.0.1']
  const certificate = await DoorCertificate.obtain({
    id: workloadId(DOMAIN, 'authority'),
    certify: (csr) =>
      authority.issue({
        profile: 'public-door',
        kind: 'public-door',
        name: 'authority',
        csr,
        names,
      }),
    events,
  })
  return await openOutsideDoor({
    ...{ listen: { host: '127.0.0.1', port: 0 }, url: undefined, names, certificate, events },
    routes: acme.routes,
    // Tests are one client that asks as fast as it can.
    rate: { burst: 100_000, perSecond: 10_000 },
  })
}
