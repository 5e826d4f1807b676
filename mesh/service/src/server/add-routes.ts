import { Refusal } from '@countersign/layers'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { OnBehalf } from '../client/client.ts'
import type { Workload } from '../workload.ts'
import { answer, climb, openExchange, refuse } from './answer.ts'
import type { Exchange, Route, Step } from './exchange.ts'

const ANY = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const
const EXCHANGE = Symbol('exchange')
type Carrier = FastifyRequest & { [EXCHANGE]?: Exchange }

/** A route meets the steps before its body is read. */
export function addRoute(
  app: FastifyInstance,
  route: Route,
  steps: readonly Step[],
  workload: Workload & OnBehalf,
): void {
  const { endpoint } = route
  const onRequest = async (request: Carrier, reply: FastifyReply): Promise<void> => {
    const exchange = openExchange(route, request.raw, reply.raw)
    request[EXCHANGE] = exchange
    await climb(exchange, steps)
  }
  const handler = (request: Carrier, reply: FastifyReply): Promise<void> =>
    answer(exchangeOf(request), { request, reply, workload })
  const errorHandler = (error: unknown, request: Carrier, reply: FastifyReply): Promise<void> =>
    refuse(exchangeOf(request), error, { request, reply, workload })
  const common = {
    url: endpoint.path,
    bodyLimit: Math.max(endpoint.bodyBytesMax, 1),
    onRequest,
    handler,
    errorHandler,
  }
  if (!route.mounted) {
    app.route({ ...common, method: endpoint.method })
    return
  }
  void app.register(async (scope) => {
    // A mounted application reads the body itself.
    scope.removeAllContentTypeParsers()
    scope.addContentTypeParser('*', (_request, _payload, done) => done(null))
    scope.route({ ...common, method: endpoint.method === 'ANY' ? [...ANY] : endpoint.method })
  })
}

function exchangeOf(request: Carrier): Exchange {
  const exchange = request[EXCHANGE]
  if (exchange === undefined) throw new Error('broken invariant: every request has an exchange')
  return exchange
}

/** What no endpoint answers is refused like everything else: with a problem, an event and a metric. */
export function addUnknown(
  app: FastifyInstance,
  route: Route,
  steps: readonly Step[],
  workload: Workload & OnBehalf,
): void {
  app.setNotFoundHandler(async (request: Carrier, reply) => {
    const exchange = openExchange(route, request.raw, reply.raw)
    const refusal = await climb(exchange, steps).then(
      () =>
        new Refusal('ROUTE_UNKNOWN', {
          rule: `${workload.name} has no endpoint at ${request.method} ${request.url.split('?', 1)[0]?.slice(0, 256)}`,
          remedy: 'see the contract for what is answered',
        }),
      (error: unknown) => error,
    )
    await refuse(exchange, refusal, { request, reply, workload })
  })
}
