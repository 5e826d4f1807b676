import type { KeyObject } from 'node:crypto'
import { ConfigError, readSettings } from '@countersign/ground/config'
import { masterKeyFrom } from '@countersign/ground/seal'
import type { Env } from '@countersign/service'
import { z } from 'zod'

export interface Settings {
  readonly databaseUrl: string
  /** PEM of the roots that sign a remote database's certificate. */
  readonly databaseCa: string | undefined
  /** Public address of this provider, without a slash at the end. */
  readonly issuer: string
  readonly audience: string
  readonly masterKey: KeyObject
  readonly state: string
  readonly accessTokenSeconds: number
}

/** Reads the settings of this part. Throws `ConfigError` with every mistake at once. */
export function readIdentitySettings(env: Env): Settings {
  const mistakes: string[] = []
  const collect = <T>(read: () => T): T | undefined => {
    try {
      return read()
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error
      mistakes.push(...error.mistakes)
      return undefined
    }
  }
  const masterKey = collect(() => masterKeyFrom(env))
  const read = collect(() => readPlain(env))
  if (masterKey === undefined || read === undefined) throw new ConfigError(mistakes)
  return {
    databaseUrl: read.IDENTITY_DATABASE_URL,
    databaseCa: read.IDENTITY_DATABASE_CA,
    issuer: read.COUNTERSIGN_ISSUER,
    audience: read.COUNTERSIGN_AUDIENCE,
    masterKey,
    state: read.COUNTERSIGN_STATE,
    accessTokenSeconds: read.IDENTITY_ACCESS_TOKEN_TTL,
  }
}

function readPlain(env: Env) {
  return readSettings(env, {
    IDENTITY_DATABASE_URL: z.string().regex(/^postgres(ql)?:\/\//, 'is not a postgres:// address'),
    IDENTITY_DATABASE_CA: z.string().min(1).optional(),
    COUNTERSIGN_ISSUER: z
      .string()
      .refine(isIssuer, 'is not an https:// address that ends in /auth'),
    COUNTERSIGN_AUDIENCE: z.string().min(1).max(255).default('countersign'),
    COUNTERSIGN_STATE: z.string().min(1),
    IDENTITY_ACCESS_TOKEN_TTL: z.coerce.number().int().min(10).max(3_600).default(300),
  })
}

function isIssuer(text: string): boolean {
  const url = URL.parse(text)
  return url?.protocol === 'https:' && `${url.origin}/auth` === text
}
