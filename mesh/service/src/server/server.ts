import type { Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { Timing } from '@countersign/ground/telemetry'
import { selectAlpn } from '@countersign/ground/x509'
import type { Limiter, TokenVerifier } from '@countersign/layers'
import type { Decide, Narrowing } from '@countersign/policy'
import fastify, { type FastifyInstance } from 'fastify'
import type { OnBehalf } from '../client/client.ts'
import {
  CONNECTIONS_MAX,
  DRAIN_MS,
  HEAD_TIMEOUT_MS,
  HEADER_BYTES_MAX,
  KEEP_ALIVE_TIMEOUT_MS,
  REQUEST_TIMEOUT_MS,
} from '../limits.ts'
import type { Workload } from '../workload.ts'
import { addRoute } from './add-route.ts'
import type { Door } from './answer.ts'
import { Guests } from './guests.ts'
import { routesOf, type Served, timingBy } from './routes.ts'
import { stack } from './stack.ts'
import { createSteps } from './steps.ts'
import { createUnknown, type Unknown } from './unknown.ts'

export interface ServerOptions {
  readonly workload: Workload & OnBehalf
  readonly served: readonly Served[]
  readonly verifier: TokenVerifier
  readonly limiter: Limiter
  readonly decide: Decide
  readonly narrowing: Narrowing
  readonly listen: { readonly host: string; readonly port: number }
}
export interface MeshServer {
  readonly host: string
  readonly port: number
  /** Refuses new requests, finishes what is in flight within a bound, closes. */
  close(): Promise<void>
}

/** Opens the mTLS door of a workload and answers its contracts. Only TLS 1.3, only peers of the trust domain. */
export async function openServer(options: ServerOptions): Promise<MeshServer> {
  const { workload } = options
  let draining = false
  const steps = stack(
    createSteps({
      verifier: options.verifier,
      limiter: options.limiter,
      decide: options.decide,
      audit: workload.audit,
      draining: () => draining,
    }),
  )
  const timing = new Timing(workload.metrics.registry, {
    name: 'http_server_request_duration_seconds',
    help: 'How long requests took, by endpoint and status',
  })
  const door: Door = { workload, refused: refusalCounter(workload) }
  const labels = { service: workload.name, endpoint: 'unknown', method: 'any' }
  const unknown = createUnknown(door, steps.slice(0, 2), timingBy(timing, labels))
  const app = createApp(workload, unknown)
  for (const served of options.served) {
    for (const route of routesOf(served, options.narrowing, timing))
      addRoute(app, route, steps, door)
  }
  const server = app.server as unknown as Server
  harden(server)
  const guests = new Guests(workload, server)
  app.addHook('onClose', async () => guests.close())
  await app.listen(options.listen)
  const { port } = server.address() as AddressInfo
  return {
    host: options.listen.host,
    port,
    close: async () => {
      draining = true
      const forced = setTimeout(() => server.closeAllConnections(), DRAIN_MS)
      server.closeIdleConnections()
      await app.close()
      clearTimeout(forced)
    },
  }
}

function createApp(workload: Workload, unknown: Unknown): FastifyInstance {
  const app = fastify({
    https: {
      ...secureContext(workload),
      requestCert: true,
      rejectUnauthorized: true,
      minVersion: 'TLSv1.3',
      ALPNCallback: selectAlpn(['http/1.1']),
      maxHeaderSize: HEADER_BYTES_MAX,
      insecureHTTPParser: false,
    },
    logger: false,
    schemaController: NO_SCHEMAS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
    forceCloseConnections: 'idle',
    return503OnClosing: false,
    exposeHeadRoutes: false,
    frameworkErrors: unknown.unreadable,
    clientErrorHandler: unknown.noRequest,
    routerOptions: { maxParamLength: 256, ignoreTrailingSlash: false, caseSensitive: true },
  }) as unknown as FastifyInstance
  // JSON is what contracts speak; anything else is 415.
  app.removeContentTypeParser('text/plain')
  const renewed = workload.identity.onChange(() =>
    (app.server as unknown as Server).setSecureContext(secureContext(workload)),
  )
  app.addHook('onClose', async () => renewed())
  app.setNotFoundHandler((request, reply) => unknown.notFound(request, reply))
  return app
}

/** Contracts check bodies themselves. Without these two Fastify loads a compiler of JSON schemas into each process. */
const NO_SCHEMAS = {
  compilersFactory: { buildValidator: refuseSchema, buildSerializer: refuseSchema },
}
function refuseSchema(): never {
  throw new Error('broken invariant: a route of the mesh has a schema of JSON')
}

function refusalCounter({ metrics }: Workload): Door['refused'] {
  const refusals = metrics.counter('countersign_refusals_total', 'Refused requests', ['code'])
  return (code) => refusals.inc({ code })
}

function secureContext(workload: Workload): { key: string; cert: string; ca: string } {
  const { key, chain } = workload.identity.current()
  return { key, cert: chain, ca: workload.identity.bundle() }
}

function harden(server: Server): void {
  server.headersTimeout = HEAD_TIMEOUT_MS
  server.maxConnections = CONNECTIONS_MAX
}
