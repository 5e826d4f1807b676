import {
  type ContractDescriptor,
  contract,
  describe,
  endpoint,
  workloadId,
} from '@countersign/contract'
import {
  type ControlConfiguration,
  controlConfigurationSchema,
  type HealthEntry,
} from '@countersign/contract/platform'
import { createLog, Metrics } from '@countersign/ground/telemetry'
import { parseCsr, createServerCertificate } from '@countersign/ground/x509'
import { NOTHING_TAKEN_BACK } from '@countersign/layers'
import type { Credential, Watch, Workload } from '@countersign/service'
import { createPrivateKey } from 'node:crypto'
import { ROLE } from '../mint.ts'
import { SERVICE, TRUST_DOMAIN } from '../pki.ts'

/*
 * What a gateway meets of the platform: an identity, keys, a certificate for its door, the contract of one service and
 * its one instance. Nothing of it is asked for at a request, so nothing of it changes what a request costs; the layers,
 * the connections and the metrics are the real ones.
 */
const limit = '1000000/second per person'
const strangers = { roles: 'stranger', limit: '1000000/second per address' } as const
const CONTRACT: ContractDescriptor = describe(
  contract(SERVICE, {
    list: endpoint({ at: 'GET /orders', callers: ['gateway'], roles: [ROLE], limit }),
    read: endpoint({ at: 'GET /orders/:id', callers: ['gateway'], roles: [ROLE], limit }),
    // What slow clients ask for, who show no token.
    open: endpoint({ at: 'GET /open', callers: ['gateway'], ...strangers }),
    upload: endpoint({ at: 'POST /upload', callers: ['gateway'], ...strangers, kind: 'raw' }),
  }),
)

/** `read` gives a file of the work folder; `upstream` is the port of the one instance. */
export function createWorld(facts: {
  read: (name: string) => string
  upstream: number
}): Workload<'gateway'> {
  const { read, upstream } = facts
  const id = workloadId(TRUST_DOMAIN, 'gateway')
  const now = Date.now()
  const credential: Credential = {
    ...{ chain: read('gateway.pem'), key: read('gateway.key'), serial: '' },
    ...{ notBefore: new Date(now - 60_000), notAfter: new Date(now + 24 * 3_600_000) },
  }
  const bundle = read('ca.pem')
  const answers = {
    keys: async () => JSON.parse(read('jwks.json')) as object,
    publicDoor: async ({ body }: { body: { csr: string } }) => ({
      ...{ chain: certifyDoor(read, body.csr), bundle, sequence: 1 },
    }),
    configuration: createControl(),
  }
  return {
    name: 'gateway',
    instance: 'gateway-1',
    trustDomain: TRUST_DOMAIN,
    identity: {
      ...{ id, current: () => credential, bundle: () => bundle, onChange: () => () => {} },
      ...{ renewals: 0, revocations: NOTHING_TAKEN_BACK },
    },
    log: createLog({ service: 'gateway', node: 'gateway-1', level: 'warn' }),
    metrics: new Metrics(),
    audit: { record: () => {}, recordDurably: async () => {}, flush: async () => 0 },
    instances: (name) => always(name === SERVICE ? [instanceAt(upstream)] : []),
    contracts: () => always([CONTRACT]),
    spans: undefined,
    call: () => answers as never,
    callAt: () => answers as never,
    close: async () => {},
  }
}

/** Nothing was ever configured: contract routes only. Who asks again for something newer waits for as long as it likes. */
function createControl() {
  let told = false
  return (_: unknown, { signal }: { signal?: AbortSignal } = {}): Promise<ControlConfiguration> => {
    if (!told) {
      told = true
      return Promise.resolve(controlConfigurationSchema.parse({ version: 0, config: {} }))
    }
    return new Promise((_resolve, reject) => {
      signal?.addEventListener('abort', () => reject(signal.reason))
    })
  }
}

const always = <T>(value: T): Watch<T> => ({
  ...{ current: () => value, stale: false, first: Promise.resolve() },
  ...{ onChange: () => () => {}, close: () => {} },
})

const instanceAt = (port: number): HealthEntry => ({
  Node: { Node: 'here', Address: '127.0.0.1', Datacenter: 'local' },
  Service: {
    ...{ ID: `${SERVICE}-1`, Service: SERVICE, Address: '127.0.0.1', Port: port },
    ...{ Tags: [], Meta: {} },
  },
  Checks: [],
})

function certifyDoor(read: (name: string) => string, csr: string): string {
  const issuer = {
    certificate: read('intermediate.pem'),
    privateKey: createPrivateKey(read('intermediate.key')),
  }
  const now = Date.now()
  const leaf = createServerCertificate({
    ...{ issuer, names: ['localhost', '127.0.0.1'], publicKey: parseCsr(csr).publicKey },
    span: { notBefore: now - 60_000, notAfter: now + 12 * 3_600_000 },
  })
  return leaf + issuer.certificate
}
