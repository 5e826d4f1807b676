import { isNearby } from '@countersign/ground/store'
import { z } from 'zod'

/*
 * Every setting of a platform, once. The key is its path in `countersign.yaml`; the variable that overrides it follows
 * from the path: `certificates.leafTtl` is COUNTERSIGN_CERTIFICATES_LEAF_TTL, or …_FILE for a file that holds it.
 */

const UNIT_SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400 }
/** `90s`, `5m`, `1h`, `30d`, as seconds between `min` and `max`. */
function duration(min: number, max: number): z.ZodType<number> {
  return z
    .string('is not a duration such as "5m"')
    .regex(/^[1-9][0-9]{0,6}[smhd]$/, 'is not a duration such as "90s", "5m", "1h" or "30d"')
    .transform((text) => Number(text.slice(0, -1)) * (UNIT_SECONDS[text.slice(-1)] ?? 1))
    .refine((seconds) => seconds >= min && seconds <= max, `is not between ${min} s and ${max} s`)
}
const port = z
  .union([z.number(), z.string().regex(/^[0-9]{1,5}$/)], 'is not a port number')
  .transform(Number)
  .refine((n) => Number.isInteger(n) && n >= 1 && n <= 65_535, 'is not a port from 1 to 65535')
const isUrl = (text: string, schemes: readonly string[]): boolean =>
  schemes.some((scheme) => text.startsWith(scheme)) && URL.canParse(text)
const url = (...schemes: readonly string[]) => {
  const fault = `is not an address that begins with ${schemes.join(' or ')}`
  return z.string(fault).refine((text) => isUrl(text, schemes), fault)
}
const AWS_REGION = /^[a-z]{2}(-[a-z]+)+-[0-9]$/
const PAYMENTS = 'is not the address of a DynamoDB, nor an AWS region such as "eu-central-1"'
const REDIS = 'is not "auto", "off" or an address that begins with redis:// or rediss://'
const filePath = z.string('is not the path of a file').min(1, 'is not the path of a file')

export const SETTINGS = {
  trustDomain: z
    .string('is not a trust domain such as "countersign.local"')
    .regex(
      /^[a-z0-9]([a-z0-9._-]{0,252}[a-z0-9])?$/,
      'is not a trust domain: lower case letters, digits, ".", "_" and "-"',
    )
    .default('countersign.local'),
  publicPort: port.default(8443),
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
  'certificates.leafTtl': duration(20, 7 * 86_400).default(3_600),
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
} as const satisfies Record<string, z.ZodType>

export type SettingPath = keyof typeof SETTINGS
/** What a platform runs with: durations in seconds, paths absolute. */
export type Config = Readonly<{ [P in SettingPath]: z.output<(typeof SETTINGS)[P]> }>

/** Settings that name a file; they count from the folder of the configuration file. */
export const FILE_SETTINGS: ReadonlySet<SettingPath> = new Set(['policyFile', 'kongFile'])

/** The variable that overrides a setting. */
export function variableOf(path: string): string {
  return `COUNTERSIGN_${path
    .replaceAll('.', '_')
    .replaceAll(/([a-z])([A-Z])/g, '$1_$2')
    .toUpperCase()}`
}
