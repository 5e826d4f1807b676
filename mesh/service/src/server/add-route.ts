import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { answer, climb, type Door, openExchange, refuse } from './answer.ts'
import type { Exchange, Route, Step } from './exchange.ts'

const ANY = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const
const EXCHANGE = Symbol('exchange')
type Carrier = FastifyRequest & { [EXCHANGE]?: Exchange }

/** A route meets the steps before its body is read. */
export function addRoute(
  app: FastifyInstance,
  route: Route,
  steps: readonly Step[],
  door: Door,
): void {
  const { endpoint } = route
  const onRequest = async (request: Carrier, reply: FastifyReply): Promise<void> => {
    const exchange = openExchange(route, request.raw, reply.raw)
    request[EXCHANGE] = exchange
    await climb(exchange, steps)
  }
  const handler = (request: Carrier, reply: FastifyReply): Promise<void> =>
    answer(exchangeOf(request), { ...door, request, reply })
  const errorHandler = (error: unknown, request: Carrier, reply: FastifyReply): Promise<void> =>
    refuse(exchangeOf(request), error, { ...door, request, reply })
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
