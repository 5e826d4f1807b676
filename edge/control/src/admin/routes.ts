import { AdminError } from '../errors.ts'
import { answerConfig, type ConfigEndpoint } from './config-endpoint.ts'
import { answerEntities, type Entities } from './entities.ts'
import { type Answer, type Asked, NOT_FOUND, notAllowed } from './exchange.ts'
import {
  endpointsOf,
  type Information,
  rootOf,
  schemasOf,
  statusOf,
  tagsOf,
} from './information.ts'
import { answerUpstreams, type Upstreams } from './upstreams.ts'

/** Everything that the endpoints of the Admin API work with. */
export type AdminParts = Entities & Information & Upstreams & ConfigEndpoint

/** Answers a request that has passed the door. Throws `KongError`, `AdminError` or `Refusal`. */
export function answerAdmin(on: AdminParts, asked: Asked): Answer | Promise<Answer> {
  const [first, second] = asked.segments
  if (asked.method === 'OPTIONS')
    return { status: 204, headers: { allow: 'GET, HEAD, POST, PATCH, PUT, DELETE, OPTIONS' } }
  switch (first) {
    case undefined:
      return reading(asked, () => rootOf(on))
    case 'status':
      return reading(asked, () => statusOf(on))
    case 'endpoints':
      return reading(asked, endpointsOf)
    case 'tags':
      return reading(asked, () => tagsOf(on, asked), 2)
    case 'schemas':
      return schemasOf(on, asked)
    case 'config':
      if (second === undefined) return answerConfig(on, asked)
      throw new AdminError(404, 'Not found')
    default:
      return answerUpstreams(on, asked) ?? answerEntities(on, asked)
  }
}

function reading(asked: Asked, answer: () => Answer, segmentsMax = 1): Answer {
  if (asked.segments.length > segmentsMax) return NOT_FOUND
  return asked.method === 'GET' || asked.method === 'HEAD' ? answer() : notAllowed('GET', 'HEAD')
}
