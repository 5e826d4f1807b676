import type { IncomingMessage, ServerResponse } from 'node:http'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { adopt, contextOfRequest, type Declared } from './adopt.ts'
import type { Context } from './workload.ts'

export interface CountersignFastify {
  /** A `preHandler` that declares the endpoint of a route: who may call it and how often. */
  allow(declared: Declared): (request: FastifyRequest, reply: FastifyReply) => Promise<void>
  /** Answers the app over mTLS under its name, in place of `app.listen(…)`. */
  listen(app: FastifyInstance): Promise<void>
  /** Permit, call, witness and log for a request. */
  context(request: FastifyRequest): Context
}

/** Makes a plain Fastify app a service of the platform; see the Express one for the form. */
export function countersign(name: string): CountersignFastify {
  const adopted = adopt(name)
  return {
    allow(declared) {
      const through = adopted.declare(declared)
      return async (request, reply) => {
        if (!through(request.raw, reply.raw)) reply.hijack()
      }
    },
    async listen(app) {
      await app.ready()
      await adopted.listen((request: IncomingMessage, response: ServerResponse) =>
        app.routing(request, response),
      )
    },
    context(request) {
      const context = contextOfRequest(request.raw)
      if (context === undefined)
        throw new TypeError('this request has not come through the door of the service')
      return context
    },
  }
}
