import {
  type AccountCall,
  type AcmeParts,
  type AcmeReply,
  isPostAsGet,
  own,
  readPayload,
} from '../call.ts'
import { z } from 'zod'
import { POLL_SECONDS } from '../limits.ts'
import { authorizationStatus } from '../order/order.ts'
import { malformed, notFound } from '../problem.ts'
import { renderChallenge } from '../render.ts'

/*
 * RFC 8555, 7.5.1: the client says that it is ready. The challenge is checked once, after the answer; the client asks
 * for the authorization until it is decided. To say it again changes nothing.
 */
export async function respond(parts: AcmeParts, call: AccountCall): Promise<AcmeReply> {
  const { authorizations, validations } = parts
  const id = call.params.id ?? ''
  const found = authorizations.findChallenge(id)
  own(found?.authorization, call)
  if (!isPostAsGet(call)) {
    readPayload(call, z.object({}))
    await begin(parts, call.account.id, id)
  }
  const present = authorizations.findChallenge(id)
  if (present === undefined) throw notFound()
  const { authorization, challenge } = present
  const { urls } = call
  return {
    status: 200,
    body: renderChallenge(challenge, urls),
    location: urls.challenge(id),
    links: [{ url: urls.authorization(authorization.id), rel: 'up' }],
    ...(validations.has(id) ? { retryAfterSeconds: POLL_SECONDS } : {}),
  }
}

async function begin(parts: AcmeParts, account: string, id: string): Promise<void> {
  const { authorizations, validations, store, now } = parts
  // Room is taken before anything is written: a challenge that says `processing` is always being worked on.
  const release = validations.reserve(account)
  try {
    const begun = await store.write(() => {
      const found = authorizations.findChallenge(id)
      if (found?.challenge.status !== 'pending') return false
      if (authorizationStatus(found.authorization, now()) === 'expired')
        throw malformed('the authorization has expired')
      if (found.authorization.status !== 'pending') return false
      authorizations.setProcessing(id)
      return true
    })
    if (begun) validations.start(id, release)
    else release()
  } catch (error) {
    release()
    throw error
  }
}
