import { createRequire } from 'node:module'
import { readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { NODE_FLAGS } from '@countersign/gateway/node-flags'
import { versionOf } from './program.ts'

/** Where a target finds its files, and which ports are its own. */
export interface Place {
  readonly work: string
  readonly port: number
  readonly upstream: number
}
/** A gateway under measurement. All are given the same work, see README. */
export interface Target {
  readonly name: string
  readonly title: string
  /** Whether a verdict on a token is remembered. */
  readonly cached: boolean
  readonly version: () => string
  readonly command: (place: Place) => readonly string[]
}

const PEERS = join(import.meta.dirname, 'peers')
const OURS = join(import.meta.dirname, 'ours/main.ts')
const FLAGS = ['--disable-warning=ExperimentalWarning', '--conditions=countersign:source']

const NODE = `Node ${process.version}, OpenSSL ${process.versions.openssl}`

export const TARGETS: readonly Target[] = [
  {
    name: 'ours',
    title: 'countersign gateway',
    cached: true,
    version: () => NODE,
    command: (place) => ours(place),
  },
  node('fastify', '@fastify/http-proxy', 'fastify-http-proxy.ts'),
  node('httpxy', 'httpxy', 'httpxy.ts'),
  node('undici', 'undici', 'undici-raw.ts'),
  {
    name: 'haproxy',
    title: 'HAProxy',
    cached: false,
    version: () => found(versionOf('haproxy', '-vv'), /version (\S+)/, /Running on (OpenSSL \S+)/),
    command: (place) => ['haproxy', '-f', fillIn('haproxy.cfg', place)],
  },
  {
    name: 'nginx',
    title: 'nginx + Lua',
    cached: true,
    version: () =>
      found(versionOf('nginx', '-V'), /nginx\/(\S+)/, /(?:running|built) with (OpenSSL \S+)/),
    command: (place) => ['nginx', '-p', place.work, '-c', fillIn('nginx-lua.conf', place)],
  },
]

/** Our own gateway; `flags` go to Node. */
export const ours = (place: Place, flags: readonly string[] = []): readonly string[] => [
  ...[process.execPath, ...FLAGS, ...NODE_FLAGS, ...flags],
  ...[OURS, JSON.stringify(place)],
]

/** The upstream of all targets. */
export const upstream = (place: Place): readonly string[] => [
  ...['nginx', '-p', place.work, '-c', fillIn('upstream.conf', place)],
]

function node(name: string, module: string, file: string): Target {
  return {
    name,
    title: name === 'undici' ? 'node:https + undici' : module,
    cached: true,
    version: () => `${packageVersion(module)}, ${NODE}`,
    command: (place) => [
      ...[process.execPath, '--disable-warning=ExperimentalWarning'],
      ...[join(PEERS, file), JSON.stringify(place)],
    ],
  }
}

const found = (text = '', ...parts: readonly RegExp[]): string =>
  parts.map((part) => part.exec(text)?.[1] ?? '?').join(', ')

function packageVersion(module: string): string {
  const paths = createRequire(import.meta.url).resolve.paths(module) ?? []
  for (const path of paths)
    try {
      return JSON.parse(readFileSync(join(path, module, 'package.json'), 'utf8')).version
    } catch {}
  return ''
}

/** A body of 1 KiB: `{"pad":"…"}`. */
export const BODY_BYTES = 1_024
const PAD = '0123456789abcdef'.repeat(64).slice(0, BODY_BYTES - '{"pad":""}'.length)

/** Writes a configuration with the places of this session into the work folder; answers where. */
function fillIn(name: string, { work, port, upstream }: Place): string {
  const filled = readFileSync(join(PEERS, name), 'utf8')
    .replaceAll('@WORK@', work)
    .replaceAll('@PEERS@', dirname(join(PEERS, name)))
    .replaceAll('@PORT@', String(port))
    .replaceAll('@UPSTREAM@', String(upstream))
    .replaceAll('@PAD@', PAD)
  const path = join(work, name)
  writeFileSync(path, filled)
  return path
}
