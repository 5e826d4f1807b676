import { parseJsonObject } from '@countersign/ground/jose'
import type { AccountCall, AcmeParts, AcmeReply } from '../call.ts'
import {
  type AccountKey,
  ALGORITHMS,
  importAccountKey,
  keyHashOf,
  verifies,
} from '../jws/account-key.ts'
import { parseJws } from '../jws/parse-jws.ts'
import { AcmeProblem, malformed, notFound, unproven } from '../problem.ts'
import { renderAccount } from '../render.ts'
import type { Account } from './account.ts'

/*
 * RFC 8555, 7.3.5: the account gets another key. The request is signed with the old one, and holds a JWS
 *
 *  1. with the new key as `jwk`, and signed by it
 *  2. for the same url, without nonce
 *  3. that names the account and its old key
 *
 * The new key is another one, not known to be bad, and has no account of its own.
 */
export async function keyChange(parts: AcmeParts, call: AccountCall): Promise<AcmeReply> {
  const key = checkInner(call)
  if (parts.ports.revocations.isCompromised(keyHashOf(key)))
    throw new AcmeProblem('badPublicKey', 'the new key is known to be compromised')
  await parts.store.write(() => {
    const holder = parts.accounts.findByKey(key)
    if (holder !== undefined) throw taken(holder, call)
    // It may have been changed, or ended, since the signature was checked.
    const present = parts.accounts.find(call.account.id)?.account
    if (present?.thumbprint !== call.key.thumbprint || present.status !== 'valid')
      throw unproven('the account has another key by now')
    parts.accounts.setKey(call.account.id, key)
  })
  const account = parts.accounts.find(call.account.id)?.account
  if (account === undefined) throw notFound()
  await parts.events.account('rekey', account, call)
  const { urls } = call
  return { status: 200, body: renderAccount(account, urls), location: urls.account(account.id) }
}

function checkInner({ account, key: oldKey, payload, url, urls }: AccountCall): AccountKey {
  const inner = parseJws(payload)
  if (inner.key.by !== 'jwk') throw malformed('the inner JWS has to bring the new key as jwk')
  if (inner.nonce !== undefined) throw malformed('the inner JWS has a nonce')
  if (inner.url !== url) throw malformed('the inner JWS is for another url')
  const key = importAccountKey(inner.key.jwk)
  if (key.algorithm !== inner.alg) {
    const detail = 'the algorithm of the inner JWS is not that of the new key'
    throw new AcmeProblem('badSignatureAlgorithm', detail, { algorithms: ALGORITHMS })
  }
  if (!verifies(key, inner.input, inner.signature))
    throw unproven('the inner JWS is not signed by the new key')
  const said = parseJsonObject(inner.payload)
  if (said?.account !== urls.account(account.id))
    throw malformed('the inner payload names another account')
  const { oldKey: named } = said
  if (typeof named !== 'object' || named === null || Array.isArray(named))
    throw malformed('the inner payload does not name the old key')
  if (importAccountKey(named as Record<string, unknown>).thumbprint !== oldKey.thumbprint)
    throw malformed('the inner payload names another old key')
  return key
}

function taken(holder: Account, { account, urls }: AccountCall): AcmeProblem {
  const own = holder.id === account.id
  const detail = own ? 'the new key is the old one' : 'another account has this key'
  const headers = own ? {} : { location: urls.account(holder.id) }
  return new AcmeProblem('malformed', detail, { status: own ? 400 : 409, headers })
}
