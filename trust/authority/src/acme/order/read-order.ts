import { z } from 'zod'
import {
  type AccountCall,
  type AcmeParts,
  type AcmeReply,
  expectPostAsGet,
  isPostAsGet,
  own,
  readPayload,
} from '../call.ts'
import { POLL_SECONDS } from '../limits.ts'
import { renderAuthorization, renderOrder } from '../render.ts'
import type { Order } from './order.ts'

/** RFC 8555, 7.4: an order as it stands; while it is worked on, with the time to wait. */
export function readOrder(parts: AcmeParts, call: AccountCall): AcmeReply {
  expectPostAsGet(call)
  return replyWithOrder(parts, call, own(parts.orders.find(call.params.id ?? ''), call))
}

export function replyWithOrder(parts: AcmeParts, { urls }: AccountCall, order: Order): AcmeReply {
  return {
    status: 200,
    body: renderOrder(parts, order, urls),
    location: urls.order(order.id),
    ...(order.status === 'processing' ? { retryAfterSeconds: POLL_SECONDS } : {}),
  }
}

const schema = z.object({ status: z.literal('deactivated').optional() })

/** RFC 8555, 7.5 and 7.5.2: an authorization as it stands, or given up for good. */
export async function readAuthorization(parts: AcmeParts, call: AccountCall): Promise<AcmeReply> {
  const { authorizations, orders, store, now } = parts
  const id = call.params.id ?? ''
  const found = own(authorizations.find(id), call)
  if (!isPostAsGet(call) && readPayload(call, schema).status === 'deactivated')
    await store.write(() => {
      authorizations.deactivate(id, now())
      orders.endThoseWith(found)
    })
  const present = authorizations.find(id) ?? found
  const waits = present.challenges.some(({ status }) => status === 'processing')
  return {
    status: 200,
    body: renderAuthorization(present, call.urls, now()),
    ...(waits ? { retryAfterSeconds: POLL_SECONDS } : {}),
  }
}
