import { addressSetting, ConfigError, readSettings } from '@countersign/ground/config'
import { masterKeyFrom } from '@countersign/ground/seal'
import { isServerName } from '@countersign/ground/x509'
import type { Env } from '@countersign/service'
import { z } from 'zod'
import {
  LEAF_LIFETIME_SECONDS,
  LEAF_LIFETIME_SECONDS_MAX,
  LEAF_LIFETIME_SECONDS_MIN,
  PUBLIC_NAMES_MAX,
} from '../limits.ts'

const shape = {
  /** The folder that `initialiseAuthority` made. */
  AUTHORITY_FOLDER: z.string().min(1),
  AUTHORITY_JOIN_LISTEN: addressSetting,
  /** Seconds that a workload's certificate lives. */
  AUTHORITY_LEAF_TTL: z.coerce
    .number()
    .int()
    .min(LEAF_LIFETIME_SECONDS_MIN)
    .max(LEAF_LIFETIME_SECONDS_MAX)
    .default(LEAF_LIFETIME_SECONDS),
  /** Mesh address of the other authority. */
  AUTHORITY_PEER: addressSetting.optional(),
  AUTHORITY_PUBLIC_NAMES: z
    .string()
    .default('localhost,127.0.0.1,::1')
    .transform((text) => text.split(',').map((name) => name.trim()))
    .refine((names) => names.length <= PUBLIC_NAMES_MAX, 'has too many names')
    .refine((names) => names.every(isServerName), 'is not a list of host names and IP addresses'),
}

export type AuthorityConfig = ReturnType<typeof readConfig>

/** Reads the settings of an authority. Throws `ConfigError` with all mistakes at once. */
export function readConfig(env: Env) {
  const mistakes: string[] = []
  const settings = collect(mistakes, () => readSettings(env, shape))
  const masterKey = collect(mistakes, () => masterKeyFrom(env))
  if (settings === undefined || masterKey === undefined) throw new ConfigError(mistakes)
  return Object.freeze({
    folder: settings.AUTHORITY_FOLDER,
    joinListen: settings.AUTHORITY_JOIN_LISTEN,
    leafLifetimeSeconds: settings.AUTHORITY_LEAF_TTL,
    peer: settings.AUTHORITY_PEER,
    publicNames: settings.AUTHORITY_PUBLIC_NAMES as readonly string[],
    masterKey,
  })
}

function collect<T>(mistakes: string[], read: () => T): T | undefined {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    mistakes.push(...error.mistakes)
    return undefined
  }
}
