import type { KeyObject } from 'node:crypto'
import type { Log } from '@countersign/ground/telemetry'
import type { OutsideRoute } from '../outside/outside-route.ts'
import type { Store } from '../store/store.ts'
import { AccountStore } from './account/account-store.ts'
import { type BindingKey, BindingKeys } from './account/binding-keys.ts'
import { CertificateStore } from './certificate/certificate-store.ts'
import { validate } from './challenge/validate.ts'
import { Validations } from './challenge/validations.ts'
import type { AcmeConfig } from './config.ts'
import { RateBuckets } from './domain/bucket.ts'
import { acmeRoutes } from './door.ts'
import type { AcmeEvents } from './events.ts'
import { Authenticator } from './jws/authenticate.ts'
import { type AcmeRates, RATES } from './limits.ts'
import { Nonces } from './nonces.ts'
import { AuthorizationStore } from './order/authorization-store.ts'
import { Issuing } from './order/issuing.ts'
import { OrderStore } from './order/order-store.ts'
import type { AcmePorts } from './ports.ts'
import { keepPruned } from './prune.ts'
import { createResolver } from './reach/resolver.ts'
import type { SyncTopic } from '../peers/topic.ts'

export interface AcmeOptions {
  readonly store: Store
  readonly masterKey: KeyObject
  readonly ports: AcmePorts
  readonly config: AcmeConfig
  readonly events: AcmeEvents
  readonly log: Log
  readonly now?: () => number
  readonly random?: () => number
  readonly rates?: Partial<AcmeRates>
}

/** The ACME server of one authority. */
export interface Acme {
  /** For the outside door. */
  readonly routes: readonly OutsideRoute[]
  /** Keys for external account binding, which the authorities share. */
  readonly topic: SyncTopic
  /** Makes a key with which one account can be made. Its secret is seen here once. */
  createKey(wanted: {
    readonly label: string
    readonly names: readonly string[] | undefined
    readonly lifetimeMs: number
  }): Promise<BindingKey & { readonly secret: Buffer }>
  /** Takes up what the process before this one left in the middle. Once, when everything else stands. */
  resume(): void
  /** Finishes what is being signed; what is being checked is left for the next start. */
  close(): Promise<void>
}

/** Opens the ACME server of an authority on its store. */
export function openAcme(options: AcmeOptions): Acme {
  const parts = assemble(options)
  const { bindingKeys, validations, issuing } = parts
  const stopPruning = keepPruned(parts)
  return {
    routes: acmeRoutes(parts),
    topic: bindingKeys.topic,
    createKey: (wanted) => bindingKeys.create(wanted),
    resume: () => {
      validations.resume()
      issuing.resume()
    },
    close: async () => {
      stopPruning()
      await validations.close()
      await issuing.close()
    },
  }
}

function assemble(options: AcmeOptions) {
  const { store, masterKey, ports, config, events, log, now = Date.now } = options
  const { db } = store
  const rates = { ...RATES, ...options.rates }
  const accounts = new AccountStore(db)
  const orders = new OrderStore(db)
  const authorizations = new AuthorizationStore(db)
  const certificates = new CertificateStore(db)
  const bindingKeys = new BindingKeys({ store, masterKey, now, log })
  const { networks, httpPort, tlsPort, caaIdentities, lifetimeMs } = config
  const reaches = config.resolvers.map((server) => ({
    ...{ resolver: createResolver(server), networks, httpPort, tlsPort },
  }))
  const validations = new Validations({
    ...{ store, accounts, authorizations, orders, events, log, now },
    validate: (wanted, stop) => validate(wanted, { reaches, caaIdentities, stop }),
  })
  const issuing = new Issuing({ store, orders, certificates, ports, events, lifetimeMs, log, now })
  const nonces = new Nonces({ now })
  const authenticator = new Authenticator({
    ...{ nonces, rates, now, random: options.random ?? Math.random },
    rejectNonceShare: config.rejectNonceShare,
    find: (id) => accounts.find(id),
  })
  return {
    ...{ store, accounts, orders, authorizations, certificates, bindingKeys, validations },
    ...{ issuing, ports, config, rates, events, log, now, nonces, authenticator },
    newAccounts: new RateBuckets(rates.accountsPerAddress),
  }
}
