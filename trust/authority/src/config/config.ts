import {
  addressListSetting,
  addressSetting,
  ConfigError,
  readSettings,
} from '@countersign/ground/config'
import { masterKeyFrom } from '@countersign/ground/seal'
import { isServerName } from '@countersign/ground/x509'
import type { Env } from '@countersign/service'
import { z } from 'zod'
import { acmeConfig, acmeShape } from '../acme/config.ts'
import { readKubernetesConfig } from '../kubernetes/kubernetes-config.ts'
import { outsideShape } from '../outside/outside-settings.ts'
import {
  INTERMEDIATE_LIFETIME_MS,
  LEAF_LIFETIME_SECONDS,
  LEAF_LIFETIME_SECONDS_MAX,
  LEAF_LIFETIME_SECONDS_MIN,
  PEERS_MAX,
  PUBLIC_NAMES_MAX,
  ROOT_LIFETIME_MS,
} from '../limits.ts'
import { lifetimesFault } from '../trust/check-lifetimes.ts'

const DAY_SECONDS = 86_400
/** Seconds of a CA's life; `max` is 50 years. */
const caLifetime = (ms: number) =>
  z.coerce
    .number()
    .int()
    .min(60)
    .max(18_263 * DAY_SECONDS)
    .default(ms / 1_000)

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
  /** Mesh addresses of the other authorities. */
  AUTHORITY_PEERS: addressListSetting.refine(
    (peers) => peers.length <= PEERS_MAX,
    'has too many addresses',
  ),
  AUTHORITY_PUBLIC_NAMES: z
    .string()
    .default('localhost,127.0.0.1,::1')
    .transform((text) => text.split(',').map((name) => name.trim()))
    .refine((names) => names.length <= PUBLIC_NAMES_MAX, 'has too many names')
    .refine((names) => names.every(isServerName), 'is not a list of host names and IP addresses'),
  /** Seconds that an intermediate and a root live. */
  AUTHORITY_INTERMEDIATE_TTL: caLifetime(INTERMEDIATE_LIFETIME_MS),
  AUTHORITY_ROOT_TTL: caLifetime(ROOT_LIFETIME_MS),
  /** Whether what nears its end is rotated by itself. */
  AUTHORITY_ROTATION: z.enum(['auto', 'manual']).default('auto'),
  ...outsideShape,
  ...acmeShape,
}

export type AuthorityConfig = ReturnType<typeof readConfig>

/** Reads the settings of an authority. Throws `ConfigError` with all mistakes at once. */
export function readConfig(env: Env) {
  const mistakes: string[] = []
  const settings = collect(mistakes, () => readSettings(env, shape))
  const masterKey = collect(mistakes, () => masterKeyFrom(env))
  const kubernetes = collect(mistakes, () => readKubernetesConfig(env))
  if (settings === undefined || masterKey === undefined) throw new ConfigError(mistakes)
  const lifetimes = Object.freeze({
    rootMs: settings.AUTHORITY_ROOT_TTL * 1_000,
    intermediateMs: settings.AUTHORITY_INTERMEDIATE_TTL * 1_000,
    leafMs: settings.AUTHORITY_LEAF_TTL * 1_000,
  })
  const fault = lifetimesFault(lifetimes)
  if (fault !== undefined) mistakes.push(fault)
  if (mistakes.length > 0) throw new ConfigError(mistakes)
  return Object.freeze({
    folder: settings.AUTHORITY_FOLDER,
    joinListen: settings.AUTHORITY_JOIN_LISTEN,
    leafLifetimeSeconds: settings.AUTHORITY_LEAF_TTL,
    peers: settings.AUTHORITY_PEERS,
    kubernetes,
    publicNames: settings.AUTHORITY_PUBLIC_NAMES as readonly string[],
    masterKey,
    rotation: settings.AUTHORITY_ROTATION,
    lifetimes,
    outside: outsideOf(settings.AUTHORITY_OUTSIDE_LISTEN, settings.AUTHORITY_OUTSIDE_URL),
    acme: (reserved: readonly string[]) => acmeConfig(settings, reserved),
  })
}

/** Where clients outside come, and how they call it. */
function outsideOf(listen: { host: string; port: number } | undefined, url: string | undefined) {
  if (listen === undefined) return undefined
  const host = listen.host.includes(':') ? `[${listen.host}]` : listen.host
  return Object.freeze({ listen, url: url ?? `https://${host}:${listen.port}` })
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
