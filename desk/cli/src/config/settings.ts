import { isNearby } from '@countersign/ground/store'
import { z } from 'zod'
import { GATEWAYS_MAX, GATEWAYS_OF_CORES_MIN } from '../limits.ts'
import { CERTIFICATE_SETTINGS } from './certificate-settings.ts'
import { isNetwork } from './network.ts'
import {
  countOrCores,
  duration,
  filePath,
  isUrl,
  list,
  port,
  portOrAny,
  url,
  word,
} from './setting-kinds.ts'

/*
 * Every setting of a platform, once. The key is its path in `countersign.yaml`; the variable that overrides it follows
 * from the path: `certificates.leafTtl` is COUNTERSIGN_CERTIFICATES_LEAF_TTL, or …_FILE for a file that holds it.
 */

const AWS_REGION = /^[a-z]{2}(-[a-z]+)+-[0-9]$/
const PAYMENTS = 'is not the address of a DynamoDB, nor an AWS region such as "eu-central-1"'
const REDIS = 'is not "auto", "off" or an address that begins with redis:// or rediss://'

const networks = list(isNetwork, 'is not a list of networks such as "10.0.0.0/8,fd00::/8"')

export const SETTINGS = {
  trustDomain: z
    .string('is not a trust domain such as "countersign.local"')
    .regex(
      /^[a-z0-9]([a-z0-9._-]{0,252}[a-z0-9])?$/,
      'is not a trust domain: lower case letters, digits, ".", "_" and "-"',
    )
    .default('countersign.local'),
  publicPort: port.default(8443),
  /** Of the Admin API, on loopback. 0: any that is free. */
  adminPort: portOrAny.default(8001),
  audience: z
    .string('is not a text')
    .regex(/^[\x21-\x7e]{1,128}$/, 'is not an audience')
    .default('countersign'),
  logLevel: z
    .enum(
      ['trace', 'debug', 'info', 'warn', 'error'],
      'is not one of trace, debug, info, warn, error',
    )
    .default('info'),
  masterKeyFile: filePath.optional(),
  masterPassphraseFile: filePath.optional(),
  kms: z.enum(['local', 'pkcs11'], 'is not one of local, pkcs11').optional(),
  kmsLocalKeyFile: filePath.optional(),
  kmsModule: filePath.optional(),
  kmsToken: word.optional(),
  kmsKeyId: word.optional(),
  kmsPinFile: filePath.optional(),
  ...CERTIFICATE_SETTINGS,
  'tokens.ttl': duration(10, 3_600).default(300),
  redis: z
    .string(REDIS)
    .refine(
      (text) => text === 'auto' || text === 'off' || isUrl(text, ['redis://', 'rediss://']),
      REDIS,
    )
    .refine(
      (text) => !isUrl(text, ['redis://']) || isNearby(new URL(text).hostname),
      'is on another machine and must begin with rediss://',
    )
    .default('auto'),
  'databases.identity': url('postgres://', 'postgresql://').optional(),
  'databases.users': url('postgres://', 'postgresql://', 'mongodb://', 'mongodb+srv://').optional(),
  'databases.orders': url('postgres://', 'postgresql://').optional(),
  'databases.payments': z
    .string(PAYMENTS)
    .refine((text) => AWS_REGION.test(text) || isUrl(text, ['http://', 'https://']), PAYMENTS)
    .optional(),
  policyFile: filePath.optional(),
  kongFile: filePath.optional(),
  gateways: countOrCores(1, { max: GATEWAYS_MAX, coresMin: GATEWAYS_OF_CORES_MIN }).default(2),
  /** Where upstreams of operators may be although that is refused by itself, and where without TLS. */
  'gateway.upstreamAllow': networks.optional(),
  'gateway.plainUpstreams': networks.optional(),
  /** The same for what plugins fetch. */
  'gateway.fetchAllow': networks.optional(),
  plugins: list(
    (item) => item !== '',
    'is not a list of files such as "./my-plugin.ts"',
  ).optional(),
} as const satisfies Record<string, z.ZodType>

export type SettingPath = keyof typeof SETTINGS
/** What a platform runs with: durations in seconds, paths absolute. */
export type Config = Readonly<{ [P in SettingPath]: z.output<(typeof SETTINGS)[P]> }>

/** Settings that name a file; they count from the folder of the configuration file. */
export const FILE_SETTINGS: ReadonlySet<SettingPath> = new Set([
  'policyFile',
  'kongFile',
  'masterPassphraseFile',
  'kmsLocalKeyFile',
  'kmsModule',
  'kmsPinFile',
  'kubernetes.jwksFile',
  'kubernetes.caFile',
  'kubernetes.accountsFile',
])

/** Settings that name several files, as a list or divided by commas; they count from there, too. */
export const FILE_LIST_SETTINGS: ReadonlySet<string> = new Set<SettingPath>(['plugins'])

/** Settings that name a file which need not be there: we make it. */
export const PLACE_SETTINGS: ReadonlySet<SettingPath> = new Set(['masterKeyFile'])

/** The variable that overrides a setting. */
export function variableOf(path: string): string {
  return `COUNTERSIGN_${path
    .replaceAll('.', '_')
    .replaceAll(/([a-z])([A-Z])/g, '$1_$2')
    .toUpperCase()}`
}
