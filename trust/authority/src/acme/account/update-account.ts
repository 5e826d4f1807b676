import { z } from 'zod'
import {
  type AccountCall,
  type AcmeParts,
  type AcmeReply,
  expectPostAsGet,
  isPostAsGet,
  readPayload,
} from '../call.ts'
import { CONTACTS_MAX, ORDERS_PER_PAGE } from '../limits.ts'
import { notFound } from '../problem.ts'
import { renderAccount } from '../render.ts'
import { checkContacts } from './check-contacts.ts'

/*
 * RFC 8555, 7.3.2 and 7.3.6: an account changes its contacts, and ends itself for good. What else an update says is
 * ignored. An account that has ended is no caller any more; its certificates live on.
 */
const schema = z.object({
  contact: z
    .array(z.string())
    .max(CONTACTS_MAX * 4)
    .optional(),
  status: z.literal('deactivated').optional(),
})

export async function updateAccount(parts: AcmeParts, call: AccountCall): Promise<AcmeReply> {
  const { accounts, store } = parts
  const { id } = ownAccount(call)
  if (!isPostAsGet(call)) {
    const { contact, status } = readPayload(call, schema)
    const contacts = contact === undefined ? undefined : checkContacts(contact)
    await store.write(() => {
      if (contacts !== undefined) accounts.setContacts(id, contacts)
      if (status === 'deactivated') accounts.deactivate(id)
    })
    const what = status === 'deactivated' ? 'deactivate' : 'update'
    if (contacts !== undefined || status !== undefined)
      await parts.events.account(what, call.account, call)
  }
  const account = accounts.find(id)?.account
  if (account === undefined) throw notFound()
  return { status: 200, body: renderAccount(account, call.urls) }
}

/** RFC 8555, 7.1.2.1: its orders that are not over, page by page. */
export function listOrders({ orders, now }: AcmeParts, call: AccountCall): AcmeReply {
  const { id } = ownAccount(call)
  expectPostAsGet(call)
  const ids = orders.idsOf(id, call.params.after ?? '', now())
  const page = ids.slice(0, ORDERS_PER_PAGE)
  const last = page.at(-1)
  const next = ids.length > page.length && last !== undefined ? last : undefined
  const { urls } = call
  return {
    status: 200,
    body: { orders: page.map(urls.order) },
    links: next === undefined ? [] : [{ url: urls.ordersAfter(id, next), rel: 'next' }],
  }
}

function ownAccount({ account, params }: AccountCall) {
  if (params.id !== account.id) throw notFound()
  return account
}
