import { readSettings } from '@countersign/ground/config'
import type { Env } from '@countersign/service'
import { z } from 'zod'

export interface Settings {
  readonly databaseUrl: string
  /** Public address of this provider, without a slash at the end. */
  readonly issuer: string
  readonly audience: string
  readonly masterKey: Buffer
  readonly state: string
  readonly accessTokenSeconds: number
}

const MASTER_KEY_BYTES = 32

/** Reads the settings of this part. Throws `ConfigError` with every mistake at once. */
export function readIdentitySettings(env: Env): Settings {
  const read = readSettings(env, {
    IDENTITY_DATABASE_URL: z
      .string()
      .regex(/^postgres(ql)?:\/\//, 'is not a postgres:// address'),
    COUNTERSIGN_ISSUER: z.string().refine(isIssuer, 'is not an https:// address that ends in /auth'),
    COUNTERSIGN_AUDIENCE: z.string().min(1).max(255).default('countersign'),
    COUNTERSIGN_MASTER_KEY: z
      .string()
      .transform((text) => Buffer.from(text, 'base64url'))
      .refine((key) => key.length === MASTER_KEY_BYTES, 'is not 32 bytes in base64url'),
    COUNTERSIGN_STATE: z.string().min(1),
    IDENTITY_ACCESS_TOKEN_TTL: z.coerce.number().int().min(10).max(3_600).default(300),
  })
  return {
    databaseUrl: read.IDENTITY_DATABASE_URL,
    issuer: read.COUNTERSIGN_ISSUER,
    audience: read.COUNTERSIGN_AUDIENCE,
    masterKey: read.COUNTERSIGN_MASTER_KEY,
    state: read.COUNTERSIGN_STATE,
    accessTokenSeconds: read.IDENTITY_ACCESS_TOKEN_TTL,
  }
}

function isIssuer(text: string): boolean {
  const url = URL.parse(text)
  return url?.protocol === 'https:' && `${url.origin}/auth` === text
}
