import { readFileSync } from 'node:fs'
import { ConfigError, readSettings } from '@countersign/ground/config'
import { messageOf } from '@countersign/ground/errors'
import type { Env } from '@countersign/service'
import { parse } from 'yaml'
import { z } from 'zod'
import { isJoinable } from '../domain/token-book.ts'
import { ACCOUNTS_BYTES_MAX, ACCOUNTS_MAX } from '../limits.ts'

const shape = {
  /** File or https address of the cluster's key set. */
  AUTHORITY_KUBERNETES_JWKS: z
    .string()
    .min(1)
    .refine((place) => !/^http:/i.test(place), 'has to be a file or an https address')
    .optional(),
  /** PEM file of whom to trust for the address. */
  AUTHORITY_KUBERNETES_CA_FILE: z.string().min(1).optional(),
  AUTHORITY_KUBERNETES_ISSUER: z.string().min(1).max(512).optional(),
  AUTHORITY_KUBERNETES_AUDIENCE: z.string().min(1).max(256).default('countersign'),
  /** File, YAML or JSON: `namespace/account: workload`. */
  AUTHORITY_KUBERNETES_ACCOUNTS: z.string().min(1).optional(),
}

const accountsSchema = z
  .record(
    z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}\/[a-z0-9][a-z0-9.-]{0,252}$/),
    z
      .string()
      .regex(/^[a-z][a-z0-9-]{0,62}$/)
      .refine(isJoinable, 'is a name that nobody joins under'),
  )
  .refine((accounts) => Object.keys(accounts).length <= ACCOUNTS_MAX, 'has too many accounts')

/** Which cluster's service accounts may join, and as what. */
export interface KubernetesConfig {
  readonly jwks: string
  readonly ca: string | undefined
  readonly issuer: string
  readonly audience: string
  readonly accounts: ReadonlyMap<string, string>
}

/** Reads the settings; `undefined` where no cluster is named. Throws `ConfigError` with all mistakes at once. */
export function readKubernetesConfig(env: Env): KubernetesConfig | undefined {
  const settings = readSettings(env, shape)
  const jwks = settings.AUTHORITY_KUBERNETES_JWKS
  const issuer = settings.AUTHORITY_KUBERNETES_ISSUER
  const accounts = settings.AUTHORITY_KUBERNETES_ACCOUNTS
  const given = [jwks, issuer, accounts].filter((value) => value !== undefined).length
  if (given === 0) return undefined
  if (jwks === undefined || issuer === undefined || accounts === undefined) {
    throw new ConfigError([
      'AUTHORITY_KUBERNETES_JWKS, AUTHORITY_KUBERNETES_ISSUER and AUTHORITY_KUBERNETES_ACCOUNTS go together: one is missing',
    ])
  }
  const ca = settings.AUTHORITY_KUBERNETES_CA_FILE
  return {
    ...{ jwks, issuer, audience: settings.AUTHORITY_KUBERNETES_AUDIENCE },
    ca: ca === undefined ? undefined : readText('AUTHORITY_KUBERNETES_CA_FILE', ca),
    accounts: readAccounts(readText('AUTHORITY_KUBERNETES_ACCOUNTS', accounts)),
  }
}

/** The file of accounts: each is the name of one workload. JSON is YAML as well. */
function readAccounts(text: string): ReadonlyMap<string, string> {
  let value: unknown
  try {
    value = parse(text, { maxAliasCount: 0, uniqueKeys: true, schema: 'core' })
  } catch (error) {
    throw new ConfigError([`AUTHORITY_KUBERNETES_ACCOUNTS is not YAML: ${messageOf(error)}`])
  }
  const read = accountsSchema.safeParse(value)
  if (read.success) return new Map(Object.entries(read.data))
  throw new ConfigError(
    read.error.issues
      .slice(0, 8)
      .map(({ path, message }) => `AUTHORITY_KUBERNETES_ACCOUNTS ${path.join('.')}: ${message}`),
  )
}

function readText(setting: string, path: string): string {
  try {
    const text = readFileSync(path, 'utf8')
    if (text.length <= ACCOUNTS_BYTES_MAX) return text
    throw new Error('it is too long')
  } catch (error) {
    throw new ConfigError([`${setting} cannot be read: ${messageOf(error)}`])
  }
}
