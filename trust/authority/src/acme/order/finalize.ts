import { decodeBase64url } from '@countersign/ground/jose'
import { z } from 'zod'
import type { Prepared } from '../../issuing/issue-request.ts'
import { type AccountCall, type AcmeParts, type AcmeReply, own, readPayload } from '../call.ts'
import { FINALIZE_WAIT_MS } from '../limits.ts'
import { AcmeProblem, malformed, notFound } from '../problem.ts'
import { type Order, orderStatus } from './order.ts'
import { replyWithOrder } from './read-order.ts'

/*
 * RFC 8555, 7.4:
 *
 *  1. the order is ready
 *  2. the certificate is prepared: the request fits the order, and its key is not the account's. One that does not fit
 *     leaves the order ready for a better one
 *  3. of several requests at the same time one takes the order; the others hear that it is not ready, and what they have
 *     prepared is cancelled
 *  4. the certificate is signed; who does not want to wait for it asks again
 */
const schema = z.object({ csr: z.string() })

export async function finalize(parts: AcmeParts, call: AccountCall): Promise<AcmeReply> {
  const { orders, issuing } = parts
  const order = own(orders.find(call.params.id ?? ''), call)
  const csr = decodeBase64url(readPayload(call, schema).csr)
  if (csr === undefined) throw malformed('the csr is not base64url')
  checkReady(parts, order)
  const prepared = await issuing.prepare({ ...order, csr }, call.key.publicKey)
  await take(parts, { id: order.id, csr, prepared })
  await issuing.start(order.id, { prepared, waitMs: FINALIZE_WAIT_MS })
  return replyWithOrder(parts, call, orders.find(order.id) ?? order)
}

function checkReady({ authorizations, now }: AcmeParts, order: Order): void {
  const status = orderStatus(order, authorizations.findAll(order.authorizations), now())
  if (status === 'ready') return
  throw new AcmeProblem('orderNotReady', `the order is ${status}, not ready`)
}

async function take(
  parts: AcmeParts,
  { id, csr, prepared }: { id: string; csr: Buffer; prepared: Prepared },
): Promise<void> {
  const { orders, store } = parts
  try {
    await store.write(() => {
      const present = orders.find(id)
      if (present === undefined) throw notFound()
      checkReady(parts, present)
      orders.setProcessing(id, csr)
    })
  } catch (error) {
    await prepared.cancel('the order was not ready any more')
    throw error
  }
}
