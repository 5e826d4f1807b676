import { countSetting, portSetting } from '@countersign/ground/config'
import { z } from 'zod'
import { ACME_LIFETIME_MS, ACME_LIFETIME_MS_MAX } from '../limits.ts'
import { readIdentifier } from './identifier/identifier.ts'
import type { NamePolicy } from './identifier/name-policy.ts'
import { CERTIFICATE_LIFETIME_SECONDS_MIN, RESOLVERS_MAX } from './limits.ts'
import { type Network, type Networks, parseNetwork } from './reach/networks.ts'

const words = z
  .string()
  .transform((text) => text.split(',').map((word) => word.trim().toLowerCase()))
  .transform((list) => list.filter((word) => word !== ''))
const isName = (name: string): boolean => readIdentifier('dns', name).ok && !name.includes('*')
const names = words.refine((list) => list.every(isName), 'is not a list of names')
const httpsUrl = z.url({ protocol: /^https?$/ })
const SERVER = /^(?:system|[0-9.]+(?::[0-9]{1,5})?|\[[0-9a-f:]+\](?::[0-9]{1,5})?)$/

function toNetworks(list: readonly string[]): Networks | undefined {
  const listed: Network[] = []
  for (const word of list) {
    const network = word === 'public' ? undefined : parseNetwork(word)
    if (network !== undefined) listed.push(network)
    else if (word !== 'public') return undefined
  }
  return { public: list.includes('public'), listed }
}

/** Settings of the ACME server, for the table of `config.ts`. It is part of the outside door: without one there is none. */
export const acmeShape = {
  /** Whether a new account has to show a key that the operator handed out. */
  AUTHORITY_ACME_BINDING: z.enum(['required', 'optional']).default('required'),
  /** Names that may be issued for, with all below them; where nothing is said every name that can be proven. */
  AUTHORITY_ACME_NAMES: names.default([]),
  /** Networks that validations may reach: CIDRs, and `public` for all that is not set aside for something else. */
  AUTHORITY_ACME_NETWORKS: words
    .transform(toNetworks)
    .refine((networks) => networks !== undefined, 'is not a list of CIDRs and the word public')
    .default({ public: true, listed: [] }),
  /** DNS servers, `address:port`, or `system`. Where there are several they have to agree. */
  AUTHORITY_ACME_RESOLVER: words
    .refine((list) => list.every((word) => SERVER.test(word)), 'is not a list of address:port')
    .refine((list) => list.length >= 1 && list.length <= RESOLVERS_MAX, 'has not 1 to 4 servers')
    .default(['system']),
  AUTHORITY_ACME_HTTP_PORT: portSetting.default(80),
  AUTHORITY_ACME_TLS_PORT: portSetting.default(443),
  /** Seconds that a certificate lives at most. */
  AUTHORITY_ACME_TTL: countSetting(ACME_LIFETIME_MS_MAX / 1_000)
    .refine((seconds) => seconds >= CERTIFICATE_LIFETIME_SECONDS_MIN, 'is less than a minute')
    .default(ACME_LIFETIME_MS / 1_000),
  /** What CAA records call this authority; where nothing is said they are not asked for. */
  AUTHORITY_ACME_CAA: names.default([]),
  AUTHORITY_ACME_TERMS: httpsUrl.optional(),
  AUTHORITY_ACME_WEBSITE: httpsUrl.optional(),
  /** Share of good nonces that are refused, as a trial of clients: 0 to 1. */
  AUTHORITY_ACME_REJECT_NONCES: z.coerce.number().min(0).max(1).default(0),
}
export type AcmeSettings = {
  readonly [K in keyof typeof acmeShape]: z.output<(typeof acmeShape)[K]>
}

export interface AcmeConfig {
  readonly bindingRequired: boolean
  readonly names: NamePolicy
  readonly networks: Networks
  readonly resolvers: readonly (string | undefined)[]
  readonly httpPort: number
  readonly tlsPort: number
  readonly lifetimeMs: number
  readonly caaIdentities: readonly string[]
  readonly termsOfService: string | undefined
  readonly website: string | undefined
  readonly rejectNonceShare: number
}

/** `reserved`: names that stand for workloads, or for this machine, and are never issued for, nor what is below them. */
export function acmeConfig(settings: AcmeSettings, reserved: readonly string[]): AcmeConfig {
  return Object.freeze({
    bindingRequired: settings.AUTHORITY_ACME_BINDING === 'required',
    names: {
      allowed: settings.AUTHORITY_ACME_NAMES,
      reserved: ['localhost', ...reserved.map((name) => name.toLowerCase())],
    },
    networks: settings.AUTHORITY_ACME_NETWORKS ?? { public: false, listed: [] },
    resolvers: settings.AUTHORITY_ACME_RESOLVER.map((server) =>
      server === 'system' ? undefined : server,
    ),
    httpPort: settings.AUTHORITY_ACME_HTTP_PORT,
    tlsPort: settings.AUTHORITY_ACME_TLS_PORT,
    lifetimeMs: settings.AUTHORITY_ACME_TTL * 1_000,
    caaIdentities: settings.AUTHORITY_ACME_CAA,
    termsOfService: settings.AUTHORITY_ACME_TERMS,
    website: settings.AUTHORITY_ACME_WEBSITE,
    rejectNonceShare: settings.AUTHORITY_ACME_REJECT_NONCES,
  })
}
