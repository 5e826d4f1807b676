import { identity } from '@countersign/contract/platform'
import {
  createFailureBudget,
  createMemoryLimiter,
  createRedisLimiter,
  createTokenVerifier,
  type Limiter,
} from '@countersign/layers'
import { decider } from '@countersign/policy'
import type { Workload } from '@countersign/service'
import { compose, type Next } from './compose.ts'
import type { Settings } from './config/settings.ts'
import { obtainPatiently, renewCertificate } from './door/public-certificate.ts'
import { PublicDoor } from './door/public-door.ts'
import { createEvents, type Events } from './events.ts'
import { Exchange } from './exchange.ts'
import { authenticate } from './layers/authenticate.ts'
import { authorize } from './layers/authorize.ts'
import { forward } from './layers/forward.ts'
import { limitInFlight } from './layers/limit-in-flight.ts'
import { matchRoute } from './layers/match-route.ts'
import { parseRequest } from './layers/parse-request.ts'
import { rateLimit } from './layers/rate-limit.ts'
import { recordIntent } from './layers/record-intent.ts'
import { recordOutcome } from './layers/record-outcome.ts'
import { renderError } from './layers/render-error.ts'
import { Routes } from './routes.ts'
import { stack } from './stack.ts'
import { Upstreams } from './upstream/upstreams.ts'

export interface Gateway {
  readonly address: { readonly host: string; readonly port: number }
  ready(): boolean
  /** Stops accepting; what is under way is finished, with `Connection: close`. */
  drain(): Promise<void>
  close(): Promise<void>
}

/**
 * Opens the gateway. Waits for its certificate; throws `CodedError` LISTEN_FAILED where the port cannot be had.
 * `breakerNow` is the clock of its breakers, for tests.
 */
export async function createGateway(
  settings: Settings,
  workload: Workload<'gateway'>,
  { breakerNow }: { readonly breakerNow?: (() => number) | undefined } = {},
): Promise<Gateway> {
  const events = createEvents(workload)
  const upstreams = new Upstreams(workload, events, breakerNow)
  const routes = new Routes({
    contracts: workload.contracts(),
    prefixes: settings.prefixes,
    narrowing: settings.narrowing,
    events,
    onServices: (names) => upstreams.follow(names),
  })
  const limiter = await createLimiter(settings, workload)
  const verifier = createVerifier(settings, workload)
  const handle = createHandler(settings, { events, upstreams, routes, limiter, verifier })
  const closeParts = async (): Promise<void> => {
    routes.close()
    upstreams.close()
    verifier.close()
    await limiter.close()
  }
  try {
    const opened = await openDoor(settings, { workload, events, handle })
    return {
      ...opened,
      ready: () => opened.ready() && routes.known,
      close: async () => {
        opened.close()
        await closeParts()
      },
    }
  } catch (error) {
    await closeParts()
    throw error
  }
}

function createHandler(
  settings: Settings,
  parts: {
    readonly events: Events
    readonly upstreams: Upstreams
    readonly routes: Routes
    readonly limiter: Limiter
    readonly verifier: ReturnType<typeof createVerifier>
  },
): Next {
  const { events, upstreams, routes, limiter, verifier } = parts
  return compose(
    stack({
      recordOutcome: recordOutcome(events),
      renderError: renderError(events),
      limitInFlight: limitInFlight({
        max: settings.inFlightMax,
        perSourceMax: settings.inFlightPerSourceMax,
      }),
      parseRequest: parseRequest(settings.hosts),
      matchRoute: matchRoute(() => routes.table),
      authenticate: authenticate(events, { verifier, budget: createFailureBudget() }),
      rateLimit: rateLimit(limiter),
      authorize: authorize(decider(settings.narrowing)),
      recordIntent: recordIntent(events),
      forward: forward(upstreams, events),
    }),
  )
}

async function openDoor(
  settings: Settings,
  parts: { readonly workload: Workload<'gateway'>; readonly events: Events; readonly handle: Next },
): Promise<Omit<Gateway, 'close'> & { close(): void }> {
  const { workload, events, handle } = parts
  const never = new AbortController().signal
  const certificate = await obtainPatiently(workload, never)
  const door = new PublicDoor({
    listen: settings.listen,
    proxyPeers: settings.proxyPeers,
    certificate,
    events,
    onRequest: (asked) => {
      void handle(new Exchange({ ...asked, isDraining: () => door.draining }))
    },
  })
  const address = await door.listen()
  events.certified(certificate.notAfter)
  const stopRenewing = renewCertificate(workload, certificate, (fresh) => {
    door.setCertificate(fresh)
    events.certified(fresh.notAfter)
  })
  return {
    address,
    ready: () => !door.draining,
    drain: () => door.drain(),
    close: () => {
      stopRenewing()
      door.close()
    },
  }
}

function createVerifier({ issuer, audience }: Settings, workload: Workload<'gateway'>) {
  const fetchKeys = () => workload.call(identity).keys()
  // Without its metrics: the mesh door of this process has a verifier of its own that tells under the same names.
  return createTokenVerifier({ issuer, audience, fetchKeys, log: workload.log })
}

/** Counts are shared in Redis where there is one; otherwise each gateway lets pass its own share. */
async function createLimiter(settings: Settings, workload: Workload<'gateway'>): Promise<Limiter> {
  const { redis, share } = settings
  const { log, metrics } = workload
  if (redis === undefined) return createMemoryLimiter({ share })
  return await createRedisLimiter({ ...redis, share, log, metrics })
}
