import { randomBytes } from 'node:crypto'
import type { JsonObject } from '@countersign/ground/jose'
import { addressKey } from '@countersign/layers'
import { z } from 'zod'
import { type AcmeParts, type AcmeReply, type Call, readPayload } from '../call.ts'
import { keyHashOf } from '../jws/account-key.ts'
import { checkBinding } from '../jws/check-binding.ts'
import { ACCOUNTS_MAX, CONTACTS_MAX } from '../limits.ts'
import { AcmeProblem, tooMany, unproven } from '../problem.ts'
import { renderAccount } from '../render.ts'
import type { Account } from './account.ts'
import { checkContacts } from './check-contacts.ts'

/*
 * RFC 8555, 7.3:
 *
 *  1. a key that has an account finds it, whatever else the request says
 *  2. `onlyReturnExisting` makes none
 *  3. the key is none that somebody else may have
 *  4. the terms are agreed to, where there are any
 *  5. contacts are such that somebody could be reached
 *  6. a key of ours vouches for it, unless the operator lets everybody in
 *  7. there is room, and the address does not make too many
 */
const schema = z.object({
  contact: z
    .array(z.string())
    .max(CONTACTS_MAX * 4)
    .optional(),
  termsOfServiceAgreed: z.boolean().optional(),
  onlyReturnExisting: z.boolean().optional(),
  externalAccountBinding: z.record(z.string(), z.unknown()).optional(),
})
type Wanted = z.output<typeof schema>

export async function newAccount(parts: AcmeParts, call: Call): Promise<AcmeReply> {
  const wanted = readPayload(call, schema)
  const existing = parts.accounts.findByKey(call.key)
  if (existing !== undefined) return found(existing, call)
  if (wanted.onlyReturnExisting === true)
    throw new AcmeProblem('accountDoesNotExist', 'there is no account with this key')
  if (parts.ports.revocations.isCompromised(keyHashOf(call.key)))
    throw new AcmeProblem('badPublicKey', 'the key is known to be compromised')
  checkTerms(parts, wanted)
  const contacts = checkContacts(wanted.contact ?? [])
  const keyId = provenBinding(parts, call, wanted.externalAccountBinding)
  const wait = parts.newAccounts.take(addressKey(call.address), parts.now())
  if (wait > 0) throw tooMany('this address makes too many accounts', wait)
  const { account, isNew } = await insert(parts, call, {
    contacts,
    keyId,
    binding: keyId === undefined ? undefined : JSON.stringify(wanted.externalAccountBinding),
  })
  if (!isNew) return found(account, call)
  await parts.events.account('create', account, call)
  return { ...found(account, call), status: 201 }
}

function found(account: Account, { urls }: Call): AcmeReply {
  if (account.status !== 'valid') throw unproven('the account of this key is deactivated')
  return { status: 200, body: renderAccount(account, urls), location: urls.account(account.id) }
}

function checkTerms({ config }: AcmeParts, { termsOfServiceAgreed }: Wanted): void {
  const { termsOfService } = config
  if (termsOfService === undefined || termsOfServiceAgreed === true) return
  const link = `<${termsOfService}>;rel="terms-of-service"`
  throw new AcmeProblem('userActionRequired', 'the terms of service have to be agreed to', {
    headers: { link },
  })
}

function provenBinding(
  { bindingKeys, config }: AcmeParts,
  { key, url }: Call,
  binding: JsonObject | undefined,
): string | undefined {
  if (binding !== undefined)
    return checkBinding(binding, { url, key, secretOf: (id) => bindingKeys.secretOf(id) })
  if (!config.bindingRequired) return undefined
  const detail = 'a new account has to be bound with a key that the operator hands out'
  throw new AcmeProblem('externalAccountRequired', detail)
}

/** Checked again inside of the write: of two requests with one key, or one binding, one comes first. */
function insert(
  { store, accounts, bindingKeys, now }: AcmeParts,
  { key }: Call,
  wanted: Pick<Account, 'contacts' | 'keyId' | 'binding'>,
): Promise<{ account: Account; isNew: boolean }> {
  return store.write(() => {
    const existing = accounts.findByKey(key)
    if (existing !== undefined) return { account: existing, isNew: false }
    if (accounts.count() >= ACCOUNTS_MAX) throw tooMany('there are too many accounts', 3_600)
    const id = randomBytes(16).toString('base64url')
    const bound = wanted.keyId === undefined ? undefined : bindingKeys.bind(wanted.keyId, id)
    const made = { id, ...wanted, names: bound?.names, createdAt: now() }
    accounts.insert({ ...made, key })
    return { account: { ...made, thumbprint: key.thumbprint, status: 'valid' }, isNew: true }
  })
}
