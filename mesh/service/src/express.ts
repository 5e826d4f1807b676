import type { IncomingMessage, ServerResponse } from 'node:http'
import { Refusal, type RefusalCode } from '@countersign/layers'
import { adopt, contextOfRequest, type Declared } from './adopt.ts'
import type { Context } from './workload.ts'

type Next = (error?: unknown) => void
type ExpressHandler = (request: any, response: any, next: Next) => void
type ExpressApp = (request: any, response: any, next: Next) => void

export interface CountersignExpress {
  /** Declares the endpoint of a route: who may call it and how often. Use it where a check of your own stood. */
  allow(declared: Declared): ExpressHandler
  /** Answers the app over mTLS under its name, in place of `https.createServer(…).listen(…)`. */
  listen(app: ExpressApp): Promise<void>
  /** Permit, call, witness and log for a request. */
  context(request: unknown): Context
}

/**
 * Makes a plain Express app a service of the platform:
 *
 *     const { allow, listen } = countersign('order-service')
 *     app.get('/orders', allow({ at: 'GET /orders', callers: ['gateway'], roles: ['admin'], limit: '5/second per person' }), handler)
 *     await listen(app)
 */
export function countersign(name: string): CountersignExpress {
  const adopted = adopt(name)
  return {
    allow(declared) {
      const through = adopted.declare(declared)
      return (request, response, next) => {
        if (through(request as IncomingMessage, response as ServerResponse)) next()
      }
    },
    // With a `next` of ours Express does not answer with the stack of what nobody has caught.
    listen: (app) =>
      adopted.listen((request, response, failed) =>
        app(request, response, (error) => failed(errorOfApp(error))),
      ),
    context: contextOrThrow,
  }
}

/** Errors that are made for the caller (`http-errors`, as the body parser throws them) are refusals, not faults. */
const EXPOSED: Readonly<Record<number, RefusalCode>> = {
  400: 'BODY_INVALID',
  403: 'ROLE_MISSING',
  404: 'NOT_FOUND',
  409: 'CONFLICT',
  413: 'BODY_TOO_LARGE',
  415: 'MEDIA_TYPE',
}
function errorOfApp(error: unknown): unknown {
  if (!(error instanceof Error) || !('expose' in error && error.expose === true)) return error
  const code = 'status' in error ? EXPOSED[Number(error.status)] : undefined
  const rule = `application: ${error.message}`
  return code === undefined ? error : new Refusal(code, { rule, cause: error })
}

function contextOrThrow(request: unknown): Context {
  const context = contextOfRequest(request as IncomingMessage)
  if (context === undefined)
    throw new TypeError('this request has not come through the door of the service')
  return context
}
