import { createLog, Metrics } from '@countersign/ground/telemetry'
import type { Directory, FlatHeaders, PluginPlace, PluginTools } from '@countersign/kong'
import { createMemoryFleetStore, createMemoryLimiter, Refusal } from '@countersign/layers'
import { ROUTE, SERVICE } from './exchange.ts'

/** What the gateway lends a plugin, with real parts where they need no other process. Moves its clock by hand. */
export interface TestTools extends PluginTools {
  /** Milliseconds since 1970; may be set. */
  nowMs: number
  readonly lines: Record<string, unknown>[]
  /** Runs what stands with `every`, once. */
  tick(): Promise<void>
}

export function testTools(given: Partial<PluginTools> = {}): TestTools {
  const lines: Record<string, unknown>[] = []
  const shared = new Map<string, object>()
  const timers = new Set<() => void | Promise<void>>()
  const log = createLog({
    service: 'gateway',
    node: 'test',
    level: 'debug',
    destination: { write: (line: string) => void lines.push(JSON.parse(line)) },
  })
  const tools: TestTools = {
    nowMs: Date.UTC(2026, 10, 3, 10, 0, 0),
    lines,
    tick: async () => {
      for (const what of timers) await what()
    },
    log,
    metrics: new Metrics(),
    limiter: createMemoryLimiter({ now: () => tools.nowMs }),
    fleet: createMemoryFleetStore({ now: () => tools.nowMs, bornAt: 0 }),
    directory: NOBODY,
    verifyToken: () => {
      throw new Refusal('TOKEN_INVALID')
    },
    issuer: 'https://localhost:8443/auth',
    audience: 'countersign',
    fetch: fetchForReal,
    now: () => tools.nowMs,
    every: (_ms, what) => {
      timers.add(what)
      return () => void timers.delete(what)
    },
    shared: <T extends object>(name: string, make: () => T): T => {
      const known = shared.get(name) ?? make()
      shared.set(name, known)
      return known as T
    },
    ...given,
  }
  return tools
}

/** An entity on the route of `FakeRequest`. */
export function placeOf(tools: PluginTools, given: Partial<PluginPlace> = {}): PluginPlace {
  return {
    id: 'a0a0a0a0-0000-4000-8000-000000000001',
    service: SERVICE,
    route: ROUTE,
    consumer: undefined,
    tools,
    ...given,
  }
}

const NOBODY: Directory = {
  consumer: () => undefined,
  consumerByCustomId: () => undefined,
  jwtSecret: () => undefined,
  keyAuth: () => undefined,
  mtlsAuth: () => [],
  groups: () => [],
  caCertificate: () => undefined,
}

/** A real request, without the gateway's guard of addresses: servers of tests are on the loopback. */
const fetchForReal: PluginTools['fetch'] = async (request) => {
  const response = await fetch(request.url, {
    method: request.method ?? 'GET',
    redirect: 'manual',
    signal: AbortSignal.timeout(request.timeoutMs ?? 5_000),
    ...(request.headers === undefined ? {} : { headers: { ...request.headers } }),
    ...(request.body === undefined
      ? {}
      : { body: typeof request.body === 'string' ? request.body : new Uint8Array(request.body) }),
  })
  const headers: FlatHeaders = [...response.headers].flat()
  return { status: response.status, headers, body: Buffer.from(await response.arrayBuffer()) }
}
