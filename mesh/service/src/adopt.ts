import type { IncomingMessage, ServerResponse } from 'node:http'
import { type Contract, type Endpoint, endpoint } from '@countersign/contract'
import { Refusal, renderProblem } from '@countersign/layers'
import { run } from './run.ts'
import type { Context } from './workload.ts'

/*
 * An application of another framework, behind a door of ours. It keeps its routes and handlers; who may
 * reach them, and how often, is declared beside each one. What was not declared cannot be reached.
 */
export type Declared = Endpoint<any, any, any, any, any, any>
type NodeHandler = (request: IncomingMessage, response: ServerResponse) => void

const contexts = new WeakMap<IncomingMessage, Context & { readonly endpoint: string }>()

/** Permit, call, log and the like for a request that came through the door; undefined for any other. */
export function contextOfRequest(request: IncomingMessage): Context | undefined {
  return contexts.get(request)
}

export interface Adopted {
  /** Declares an endpoint; the returned check answers 403 and false for a request that has not come through its door. */
  declare(declared: Declared): (request: IncomingMessage, response: ServerResponse) => boolean
  /** Joins the trust domain and answers: mTLS, tokens, roles, limits, audit, health, metrics, drain. */
  listen(handle: NodeHandler): Promise<void>
}

/** Puts a door before an application called `name`. Settings come from the environment, as for `serve`. */
export function adopt(name: string): Adopted {
  const endpoints: Record<string, Declared> = {}
  return {
    declare(declared) {
      const key = `endpoint${Object.keys(endpoints).length + 1}`
      endpoints[key] = endpoint(declared)
      return (request, response) => {
        if (contexts.get(request)?.endpoint === key) return true
        turnAway(response)
        return false
      }
    },
    async listen(handle) {
      const contract: Contract<string, Record<string, Declared>> = { name, endpoints }
      const handlers = Object.fromEntries(
        Object.keys(endpoints).map((key) => [key, pass(key, handle)]),
      )
      await run({ name, create: async () => ({ contract, handlers, mounted: true }) })
    },
  }
}

function pass(endpointName: string, handle: NodeHandler): (input: any) => void {
  return ({
    request,
    response,
    ...context
  }: Context & { request: IncomingMessage; response: ServerResponse }) => {
    contexts.set(request, { ...context, endpoint: endpointName })
    handle(request, response)
  }
}

function turnAway(response: ServerResponse): void {
  const refusal = new Refusal('CALLER_FORBIDDEN', {
    rule: 'the request has not come through the door of this endpoint',
  })
  const { status, headers, body } = renderProblem(refusal, '')
  response.writeHead(status, headers).end(body)
}
