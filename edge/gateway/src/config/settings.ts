import type { KeyObject } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { addressSetting, ConfigError, countSetting, readSettings } from '@countersign/ground/config'
import { messageOf } from '@countersign/ground/errors'
import { masterKeyFrom } from '@countersign/ground/seal'
import type { Env } from '@countersign/service'
import { NOTHING_NARROWED, type Narrowing, parseNarrowing } from '@countersign/policy'
import { z } from 'zod'
import { QUEUE_TARGET_MS, UPSTREAM_CONNECTIONS_MAX } from '../limits.ts'
import { networks } from '../upstream/address-guard.ts'

const IN_FLIGHT_MAX = 100_000
const nameList = z.string().transform((text) =>
  text
    .split(',')
    .map((each) => each.trim().toLowerCase())
    .filter((each) => each !== ''),
)

const pathList = z.string().transform((text) => text.split(',').filter((each) => each !== ''))

const shape = {
  GATEWAY_LISTEN: addressSetting.default({ host: '127.0.0.1', port: 0 }),
  GATEWAY_HOSTS: nameList.default(['localhost', '127.0.0.1', '[::1]']),
  GATEWAY_PROXY_PROTOCOL: z.enum(['off', 'required'], 'must be "off" or "required"').default('off'),
  GATEWAY_PROXY_PEERS: nameList.default(['127.0.0.1', '::1']),
  GATEWAY_FETCH_ALLOW: nameList.default([]),
  GATEWAY_UPSTREAM_ALLOW: nameList.default([]),
  GATEWAY_PLAIN_UPSTREAMS: nameList.default([]),
  GATEWAY_QUEUE_MS_MAX: countSetting(60_000).default(QUEUE_TARGET_MS),
  GATEWAY_CONNECTIONS_PER_TARGET_MAX: countSetting(4_096).default(UPSTREAM_CONNECTIONS_MAX),
  GATEWAY_PLUGINS: pathList.default([]),
  COUNTERSIGN_STATE: z.string().min(1).optional(),
  GATEWAY_REDIS_URL: z
    .string()
    .regex(/^rediss?:\/\//, 'must begin with redis:// or rediss://')
    .optional(),
  GATEWAY_REDIS_SOCKET: z.string().min(1).optional(),
  GATEWAY_REDIS_USER: z.string().min(1).optional(),
  GATEWAY_REDIS_PASSWORD: z.string().min(1).optional(),
  GATEWAY_SHARE_INDEX: z.coerce.number().int().min(0).max(255).default(0),
  GATEWAY_SHARE_OF: z.coerce.number().int().min(1).max(256).default(1),
  GATEWAY_IN_FLIGHT_MAX: countSetting(IN_FLIGHT_MAX).default(4_096),
  GATEWAY_IN_FLIGHT_PER_SOURCE_MAX: countSetting(IN_FLIGHT_MAX).default(2_048),
  COUNTERSIGN_ISSUER: z.url(),
  COUNTERSIGN_AUDIENCE: z.string().min(1).default('countersign'),
  COUNTERSIGN_POLICY_FILE: z.string().min(1).optional(),
}

const NETWORKS = [
  'GATEWAY_FETCH_ALLOW',
  'GATEWAY_UPSTREAM_ALLOW',
  'GATEWAY_PLAIN_UPSTREAMS',
] as const

interface RedisSettings {
  readonly url?: string
  readonly socketPath?: string
  readonly username?: string
  readonly password?: string
}
export interface Settings {
  /** The public listener, behind the balancer. */
  readonly listen: { readonly host: string; readonly port: number }
  /** Names that a Host header may have, without port, in lower case. */
  readonly hosts: ReadonlySet<string>
  /** Peers that may say, and must say, who connected; `undefined` where clients connect directly. */
  readonly proxyPeers: ReadonlySet<string> | undefined
  readonly redis: RedisSettings | undefined
  readonly share: { readonly index: number; readonly of: number }
  readonly inFlightMax: number
  readonly inFlightPerSourceMax: number
  readonly issuer: string
  readonly audience: string
  readonly narrowing: Narrowing
  /** Folder for the last configuration; without it none is kept. */
  readonly state: string | undefined
  /** Seals what is kept, where this gateway is given it. */
  readonly masterKey: KeyObject | undefined
  /** Addresses and networks that plugins may ask although they are refused otherwise. */
  readonly fetchAllow: readonly string[]
  /** The same for the upstreams of operators. */
  readonly upstreamAllow: readonly string[]
  /** Addresses and networks, beside loopback, that upstreams may have that are spoken to without TLS. */
  readonly plainUpstreams: readonly string[]
  /** When requests wait longer than this inside the gateway, and go on to, load is shed. */
  readonly queueMsMax: number
  /** Connections to one instance or address; requests above it wait for one. */
  readonly connectionsPerTargetMax: number
  /** Modules with plugins of the user's own. */
  readonly plugins: readonly string[]
}

/** Reads `GATEWAY_*` and the files that they name. Throws `ConfigError` with all mistakes at once. */
export function readGatewaySettings(env: Env): Settings {
  const mistakes: string[] = []
  const read = readSettings(env, shape)
  const narrowing = readFile(read.COUNTERSIGN_POLICY_FILE, parseNarrowing, mistakes)
  const masterKey = collect(mistakes, () => readMasterKey(env))
  for (const name of NETWORKS) collect(mistakes, () => networks(read[name]))
  const share = { index: read.GATEWAY_SHARE_INDEX, of: read.GATEWAY_SHARE_OF }
  if (share.index >= share.of) mistakes.push('GATEWAY_SHARE_INDEX must be below GATEWAY_SHARE_OF')
  if (read.GATEWAY_REDIS_URL !== undefined && read.GATEWAY_REDIS_SOCKET !== undefined)
    mistakes.push('GATEWAY_REDIS_URL and GATEWAY_REDIS_SOCKET exclude each other')
  if (mistakes.length > 0) throw new ConfigError(mistakes)
  const required = read.GATEWAY_PROXY_PROTOCOL === 'required'
  return {
    listen: read.GATEWAY_LISTEN,
    hosts: new Set(read.GATEWAY_HOSTS),
    proxyPeers: required ? new Set(read.GATEWAY_PROXY_PEERS) : undefined,
    redis: redisSettings(read),
    share,
    inFlightMax: read.GATEWAY_IN_FLIGHT_MAX,
    inFlightPerSourceMax: read.GATEWAY_IN_FLIGHT_PER_SOURCE_MAX,
    issuer: read.COUNTERSIGN_ISSUER,
    audience: read.COUNTERSIGN_AUDIENCE,
    narrowing: narrowing ?? NOTHING_NARROWED,
    state: read.COUNTERSIGN_STATE,
    masterKey,
    fetchAllow: read.GATEWAY_FETCH_ALLOW,
    upstreamAllow: read.GATEWAY_UPSTREAM_ALLOW,
    plainUpstreams: read.GATEWAY_PLAIN_UPSTREAMS,
    queueMsMax: read.GATEWAY_QUEUE_MS_MAX,
    connectionsPerTargetMax: read.GATEWAY_CONNECTIONS_PER_TARGET_MAX,
    plugins: read.GATEWAY_PLUGINS,
  }
}

function redisSettings(
  read: {
    readonly [K in
      | 'GATEWAY_REDIS_URL'
      | 'GATEWAY_REDIS_SOCKET'
      | 'GATEWAY_REDIS_USER'
      | 'GATEWAY_REDIS_PASSWORD']: string | undefined
  },
): RedisSettings | undefined {
  const url = read.GATEWAY_REDIS_URL
  const socketPath = read.GATEWAY_REDIS_SOCKET
  const username = read.GATEWAY_REDIS_USER
  const password = read.GATEWAY_REDIS_PASSWORD
  if (url === undefined && socketPath === undefined) return undefined
  return {
    ...(url === undefined ? {} : { url }),
    ...(socketPath === undefined ? {} : { socketPath }),
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
  }
}

function readMasterKey(env: Env): KeyObject | undefined {
  const given = Object.keys(env).some((name) => /^COUNTERSIGN_(MASTER|KMS)/.test(name))
  return given ? masterKeyFrom(env) : undefined
}

function collect<T>(mistakes: string[], read: () => T): T | undefined {
  try {
    return read()
  } catch (error) {
    if (error instanceof ConfigError) mistakes.push(...error.mistakes)
    else mistakes.push(messageOf(error))
    return undefined
  }
}

function readFile<T>(
  path: string | undefined,
  parse: (text: string, file: string) => T,
  mistakes: string[],
): T | undefined {
  if (path === undefined) return undefined
  try {
    return parse(readFileSync(path, 'utf8'), path)
  } catch (error) {
    const found = (error as { mistakes?: readonly string[] }).mistakes
    mistakes.push(...(found ?? [`${path}: ${messageOf(error)}`]))
    return undefined
  }
}
