import type { IncomingMessage, ServerResponse } from 'node:http'
import { type Contract, type Endpoint, endpoint } from '@countersign/contract'
import { Refusal, renderProblem } from '@countersign/layers'
import type { Part } from './part.ts'
import { run } from './run.ts'
import type { Context } from './workload.ts'

/*
 * An application of another framework, behind a door of ours. It keeps its routes and handlers; who may
 * reach them, and how often, is declared beside each one. What was not declared cannot be reached.
 */
export type Declared = Endpoint<any, any, any, any, any, any>
/** `failed` is for what the application does not answer itself: an error, or nothing where it has no route. */
type NodeHandler = (
  request: IncomingMessage,
  response: ServerResponse,
  failed: (error?: unknown) => void,
) => void

interface Passing {
  readonly context: Context
  readonly endpoint: string
  readonly failed: (error: unknown) => void
}
const passing = new WeakMap<IncomingMessage, Passing>()

/** Permit, call, log and the like for a request that came through the door; undefined for any other. */
export function contextOfRequest(request: IncomingMessage): Context | undefined {
  return passing.get(request)?.context
}

export interface Adopted {
  /** Declares an endpoint; the returned check answers 403 and false for a request that has not come through its door. */
  declare(declared: Declared): (request: IncomingMessage, response: ServerResponse) => boolean
  /** The application as a part of the platform. */
  part(handle: NodeHandler): Part
  /** Joins the trust domain and answers: mTLS, tokens, roles, limits, audit, health, metrics, drain. */
  listen(handle: NodeHandler): Promise<void>
}

/** Puts a door before an application called `name`. Settings come from the environment, as for `serve`. */
export function adopt(name: string): Adopted {
  const endpoints: Record<string, Declared> = {}
  const part: Adopted['part'] = (handle) => {
    const contract: Contract<string, Record<string, Declared>> = { name, endpoints }
    const handlers = Object.fromEntries(
      Object.keys(endpoints).map((key) => [key, pass(key, handle)]),
    )
    return { name, create: async () => ({ contract, handlers, mounted: true }) }
  }
  return {
    declare(declared) {
      const key = nameOf(declared, endpoints)
      endpoints[key] = endpoint(declared)
      return (request, response) => {
        const found = passing.get(request)
        if (found?.endpoint === key) return true
        turnAway(response, found)
        return false
      }
    },
    part,
    listen: (handle) => run(part(handle)),
  }
}

/** `GET /orders/:id` is `getOrdersById` in metrics, records and refusals. One that is declared twice keeps both: the door names them. */
function nameOf({ at }: Declared, taken: Readonly<Record<string, Declared>>): string {
  const [method = '', path = ''] = String(at).split(' ')
  const words = path.split(/[^A-Za-z0-9:]+/).filter((word) => word !== '')
  const capital = (word: string): string => word.charAt(0).toUpperCase() + word.slice(1)
  const name = [
    method.toLowerCase(),
    ...words.map((word) => (word.startsWith(':') ? `By${capital(word.slice(1))}` : capital(word))),
  ].join('')
  let number = 1
  while (`${name}${number === 1 ? '' : number}` in taken) number += 1
  return number === 1 ? name : `${name}${number}`
}

/** Ends with an error where the application does not answer; where it does, the end of the answer is the end. */
function pass(endpointName: string, handle: NodeHandler): (input: any) => Promise<never> {
  return ({
    request,
    response,
    ...context
  }: Context & { request: IncomingMessage; response: ServerResponse }) =>
    new Promise((_resolve, reject) => {
      const failed = (error: unknown): void => reject(error ?? noRoute())
      passing.set(request, { context, endpoint: endpointName, failed })
      handle(request, response, failed)
    })
}

function turnAway(response: ServerResponse, found: Passing | undefined): void {
  const refusal = new Refusal('CALLER_FORBIDDEN', {
    rule: 'the request has not come through the door of this endpoint',
    remedy:
      'declare the path with which the framework knows the route, before those that contain it',
  })
  if (found !== undefined) {
    found.failed(refusal)
    return
  }
  const { status, headers, body } = renderProblem(refusal, '')
  response.writeHead(status, headers).end(body)
}

const noRoute = (): Refusal =>
  new Refusal('ROUTE_UNKNOWN', {
    rule: 'the endpoint is declared, but the application has no route that answers it',
    remedy: 'let the path of the route and the path of its declaration be the same',
  })
