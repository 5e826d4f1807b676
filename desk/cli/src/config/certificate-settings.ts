import { isIP } from 'node:net'
import { z } from 'zod'
import { AUTHORITIES_MAX } from '../limits.ts'
import { isNetwork } from './network.ts'
import {
  count,
  duration,
  filePath,
  isDnsName,
  isPort,
  isServer,
  list,
  port,
  share,
  url,
  word,
} from './setting-kinds.ts'

const DAY = 86_400
const names = list(isDnsName, 'is not a list of host names such as "example.org,lan"')

/** What the authorities are told: how many they are, how long things live, and whom they serve beside workloads. */
export const CERTIFICATE_SETTINGS = {
  authorities: count(1, AUTHORITIES_MAX).default(2),
  'certificates.leafTtl': duration(20, DAY).default(3_600),
  'certificates.intermediateTtl': duration(60, 7_320 * DAY).default(365 * DAY),
  'certificates.rootTtl': duration(120, 7_320 * DAY).default(3_652 * DAY),
  'certificates.rotation': z.enum(['auto', 'manual'], 'is not one of auto, manual').default('auto'),
  'certificates.outside.host': z
    .string('is not a host name')
    .refine((text) => isDnsName(text) || isIP(text) !== 0, 'is not a host name or an IP address')
    .default('localhost'),
  'certificates.outside.listen': z
    .string('is not an IPv4 address')
    .refine((text) => isIP(text) === 4, 'is not an IPv4 address')
    .default('127.0.0.1'),
  'certificates.outside.ports': list(
    isPort,
    'is not a list of ports such as "14001,14002"',
  ).optional(),
  'certificates.acme.names': names.optional(),
  'certificates.acme.networks': list(
    (text) => text === 'public' || isNetwork(text),
    'is not a list of networks such as "10.0.0.0/8,fd00::/8", or "public"',
  ).default('127.0.0.0/8,::1/128'),
  'certificates.acme.resolver': list(
    (text) => text === 'system' || isServer(text),
    'is not a list of DNS servers such as "127.0.0.1:53", nor "system"',
  ).optional(),
  'certificates.acme.httpPort': port.optional(),
  'certificates.acme.tlsPort': port.optional(),
  'certificates.acme.ttl': duration(60, 90 * DAY).optional(),
  'certificates.acme.binding': z
    .enum(['required', 'optional'], 'is not one of required, optional')
    .optional(),
  'certificates.acme.caa': names.optional(),
  'certificates.acme.terms': url('https://', 'http://').optional(),
  'certificates.acme.website': url('https://', 'http://').optional(),
  'certificates.acme.rejectNonces': share.optional(),
  'kubernetes.issuer': word.optional(),
  'kubernetes.audience': word.optional(),
  'kubernetes.jwksUrl': url('https://').optional(),
  'kubernetes.jwksFile': filePath.optional(),
  'kubernetes.caFile': filePath.optional(),
  'kubernetes.accountsFile': filePath.optional(),
} as const satisfies Record<string, z.ZodType>
