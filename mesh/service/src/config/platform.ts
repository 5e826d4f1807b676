import { addressSetting, readSettings } from '@countersign/ground/config'
import { z } from 'zod'
import type { Env } from '../part.ts'

const list = <T>(of: z.ZodType<T, string>) =>
  z
    .string()
    .default('')
    .transform((text) => text.split(',').filter((item) => item !== ''))
    .pipe(z.array(of))

const address = addressSetting as z.ZodType<
  { readonly host: string; readonly port: number },
  string
>
const seed = z
  .string()
  .regex(/^[a-z0-9-]+=[^:\s]+:[0-9]{1,5}$/, 'is not name=host:port')
  .transform((text) => {
    const [name = '', address = ''] = text.split('=')
    const [host = '', port] = address.split(':')
    return { name, host, port: Number(port) }
  })

const shape = {
  COUNTERSIGN_TRUST_DOMAIN: z
    .string()
    .regex(/^[a-z0-9._-]{1,255}$/)
    .default('countersign.local'),
  COUNTERSIGN_INSTANCE: z
    .string()
    .regex(/^[a-z0-9-]{1,80}$/)
    .optional(),
  COUNTERSIGN_LISTEN: addressSetting.default({ host: '127.0.0.1', port: 0 }),
  COUNTERSIGN_JOIN: list(address),
  COUNTERSIGN_JOIN_TOKEN: z.string().min(1).max(256).optional(),
  /** File with a Kubernetes service-account token for the authority's audience, in place of a join token. */
  COUNTERSIGN_SERVICE_ACCOUNT_TOKEN_FILE: z.string().min(1).optional(),
  COUNTERSIGN_TRUST_BUNDLE: z
    .string()
    .startsWith('-----BEGIN CERTIFICATE-----', 'is not a PEM certificate'),
  COUNTERSIGN_SEEDS: list(seed),
  COUNTERSIGN_STATE: z.string().min(1),
  COUNTERSIGN_ISSUER: z.url().default('https://localhost:8443/auth'),
  COUNTERSIGN_AUDIENCE: z.string().min(1).default('countersign'),
  COUNTERSIGN_POLICY_FILE: z.string().min(1).optional(),
  OTEL_EXPORTER_OTLP_ENDPOINT: z.url().optional(),
  COUNTERSIGN_LOG_LEVEL: z
    .enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal'])
    .default('info'),
}

/** What every workload must be told before it can join. */
export type PlatformSettings = Readonly<{
  [K in keyof typeof shape]: z.output<(typeof shape)[K]>
}>

/** Reads the settings that all workloads share. Throws `ConfigError` with every mistake at once. */
export function readPlatformSettings(env: Env): PlatformSettings {
  return readSettings(env, shape)
}
