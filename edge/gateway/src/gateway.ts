import { identity } from '@countersign/contract/platform'
import type { Log } from '@countersign/ground/telemetry'
import type { Plugin } from '@countersign/kong'
import {
  createFailureBudget,
  createMemoryLimiter,
  createRedisLimiter,
  createTokenVerifier,
  type Limiter,
} from '@countersign/layers'
import { bundledPlugins } from '@countersign/plugins'
import { decider } from '@countersign/policy'
import type { Workload } from '@countersign/service'
import { compose, type Layer } from './compose.ts'
import type { Settings } from './config/settings.ts'
import { obtainPatiently, renewCertificate } from './door/public-certificate.ts'
import { PublicDoor } from './door/public-door.ts'
import { ticketKeys } from './door/ticket-keys.ts'
import { createEvents, type Events } from './events.ts'
import { Exchange } from './exchange.ts'
import { followControl } from './feed/follow-control.ts'
import { authenticate } from './layers/authenticate.ts'
import { authorize } from './layers/authorize.ts'
import { forward } from './layers/forward.ts'
import { limitInFlight } from './layers/limit-in-flight.ts'
import { matchRoute } from './layers/match-route.ts'
import { parseRequest } from './layers/parse-request.ts'
import { rateLimit } from './layers/rate-limit.ts'
import { recordIntent } from './layers/record-intent.ts'
import { recordOutcome } from './layers/record-outcome.ts'
import { runPlugins } from './layers/run-plugins.ts'
import { shedLoad, TurnTime } from './layers/shed-load.ts'
import { renderError } from './layers/render-error.ts'
import { OPERATOR_BOUNDS } from './limits.ts'
import { lendTo } from './plugins/lend.ts'
import { openFleetStore } from './plugins/open-fleet-store.ts'
import { createAskAgain } from './review/ask-again.ts'
import { Reviews } from './review/reviews.ts'
import { Routes } from './routes.ts'
import { stack } from './stack.ts'
import { createUpstreams } from './upstream/create-upstreams.ts'
import { type Names, systemNames } from './upstream/names.ts'
import { reportTargets } from './upstream/health-reporter.ts'
import type { Upstreams } from './upstream/upstreams.ts'

export interface Gateway {
  readonly address: { readonly host: string; readonly port: number }
  ready(): boolean
  /** What it waits for before it is ready, as far as it knows. */
  waitsFor(): string | undefined
  /** Stops accepting; what is under way is finished, with `Connection: close`. */
  drain(): Promise<void>
  close(): Promise<void>
}

/**
 * Opens the gateway. Waits for its certificate; throws `CodedError` LISTEN_FAILED where the port cannot be had.
 * `plugins` are the user's own. `breakerNow` is the clock of its breakers, `names` its name service, for tests.
 */
export async function createGateway(
  settings: Settings,
  workload: Workload<'gateway'>,
  more: {
    readonly plugins?: readonly Plugin[] | undefined
    readonly breakerNow?: (() => number) | undefined
    readonly names?: Names | undefined
  } = {},
): Promise<Gateway> {
  const events = createEvents(workload)
  const now = more.breakerNow ?? (() => performance.now())
  const upstreams = createUpstreams(settings, {
    workload,
    events,
    now,
    names: more.names ?? systemNames(),
  })
  const turns = new TurnTime(settings.queueMsMax)
  const [limiter, fleet] = await Promise.all([
    createLimiter(settings, workload),
    openFleetStore(settings, workload.log),
  ])
  const verifier = createVerifier(settings, workload)
  const routes = new Routes({
    contracts: workload.contracts(),
    narrowing: settings.narrowing,
    events,
    plugins: [...bundledPlugins, ...(more.plugins ?? [])],
    bounds: OPERATOR_BOUNDS,
    ways: upstreams.ways,
    lent: lendTo(settings, workload, {
      ...{ limiter, fleet, verifier },
      targets: () => upstreams.ways.targets(),
    }),
    onServices: (names) => upstreams.follow(names),
  })
  const doors = {
    authenticate: authenticate(events, { verifier, budget: createFailureBudget() }),
    authorize: authorize(decider(settings.narrowing)),
  }
  const reviews = new Reviews(
    createAskAgain({ ...doors, routes, hosts: settings.hosts, now: Date.now }),
  )
  const feed = followControl(settings, workload, {
    ...{ routes, events, ways: upstreams.ways },
    onChange: () => reviews.begin(),
  })
  const reporter = reportTargets(workload, upstreams.ways)
  const handle = createHandler(settings, {
    ...{ events, upstreams, routes, limiter, doors, reviews, turns },
    log: workload.log,
  })
  const closeParts = async (): Promise<void> => {
    events.flush()
    feed.close()
    reporter.close()
    routes.close()
    upstreams.close()
    verifier.close()
    fleet.close()
    await limiter.close()
  }
  try {
    const opened = await openDoor(settings, { workload, events, handle, routes, turns })
    return {
      ...opened,
      ready: () => opened.ready() && routes.known && feed.known,
      waitsFor: () => feed.waitsFor ?? (routes.known ? undefined : 'the contracts of the registry'),
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

/** Takes an exchange through the stack. */
type Handle = (exchange: Exchange) => void

function createHandler(
  settings: Settings,
  parts: {
    readonly events: Events
    readonly upstreams: Upstreams
    readonly routes: Routes
    readonly limiter: Limiter
    readonly doors: { readonly authenticate: Layer; readonly authorize: Layer }
    readonly reviews: Reviews
    readonly turns: TurnTime
    readonly log: Log
  },
): Handle {
  const { events, upstreams, routes, limiter, doors, reviews, turns } = parts
  return compose(
    stack({
      recordOutcome: recordOutcome(events, parts.log),
      renderError: renderError(events),
      limitInFlight: limitInFlight({
        max: settings.inFlightMax,
        perSourceMax: settings.inFlightPerSourceMax,
      }),
      parseRequest: parseRequest((host) => settings.hosts.has(host) || routes.knowsHost(host)),
      matchRoute: matchRoute(routes, settings.hosts),
      earlyPlugins: runPlugins('early'),
      middlePlugins: runPlugins('middle'),
      latePlugins: runPlugins('late'),
      authenticate: doors.authenticate,
      shedLoad: shedLoad(turns),
      rateLimit: rateLimit(limiter),
      authorize: doors.authorize,
      recordIntent: recordIntent(events),
      forward: forward({ upstreams, events, lasting: reviews }),
    }),
  )
}

async function openDoor(
  settings: Settings,
  parts: {
    readonly workload: Workload<'gateway'>
    readonly events: Events
    readonly handle: Handle
    readonly routes: Routes
    readonly turns: TurnTime
  },
): Promise<Omit<Gateway, 'close' | 'waitsFor'> & { close(): void }> {
  const { workload, events, handle, routes, turns } = parts
  const { masterKey } = settings
  const never = new AbortController().signal
  const certificate = await obtainPatiently(workload, never)
  const door = new PublicDoor({
    listen: settings.listen,
    proxyPeers: settings.proxyPeers,
    certificate,
    events,
    onRequest: (request, reply, connection) => {
      turns.began()
      handle(new Exchange(request, reply, connection))
    },
    certificateFor: (sni) => routes.live.certificateFor(sni),
    asksClientCertificates: () => routes.live.compiled.asksClientCertificates,
    ticketKeys: masterKey === undefined ? undefined : (now) => ticketKeys(masterKey, now),
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
