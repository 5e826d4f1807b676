import { randomBytes } from 'node:crypto'
import { z } from 'zod'
import {
  type AccountCall,
  type AcmeParts,
  type AcmeReply,
  readPayload,
  timeSchema,
} from '../call.ts'
import { readIdentifier } from '../identifier/identifier.ts'
import { nameRefusal } from '../identifier/name-policy.ts'
import {
  AUTHORIZATION_LIFETIME_MS,
  AUTHORIZATION_REUSE_MS_MIN,
  CERTIFICATE_LIFETIME_SECONDS_MIN,
  NAMES_PER_ORDER_MAX,
  NOT_BEFORE_SLACK_MS,
  ORDER_LIFETIME_MS,
  TOKEN_BYTES,
} from '../limits.ts'
import { AcmeProblem, malformed, notFound, type Subproblem } from '../problem.ts'
import { renderOrder } from '../render.ts'
import { checkOrderRates } from './check-order-rates.ts'
import { checkReplaces } from './check-replaces.ts'
import { type Authorization, challengeTypesFor } from './order.ts'

/*
 * RFC 8555, 7.4:
 *
 *  1. names in their one spelling, each allowed to this account; all that are wrong are named at once
 *  2. times that we can keep: a certificate starts at once, and ends within its longest life; it lives a minute at least,
 *     so the order is over a minute before that end
 *  3. what it replaces (RFC 9773, 5) is the account's own, shares a name, and is not replaced yet
 *  4. neither account nor names have had too much
 *  5. what the account has proven a short time ago counts; the rest gets new challenges
 */
const schema = z.object({
  identifiers: z
    .array(z.object({ type: z.string(), value: z.string() }))
    .min(1)
    .max(NAMES_PER_ORDER_MAX),
  notBefore: timeSchema.optional(),
  notAfter: timeSchema.optional(),
  replaces: z.string().max(256).optional(),
})
type Wanted = z.output<typeof schema>
const LIFETIME_MS_MIN = CERTIFICATE_LIFETIME_SECONDS_MIN * 1_000

export async function newOrder(parts: AcmeParts, call: AccountCall): Promise<AcmeReply> {
  const wanted = readPayload(call, schema)
  const names = readNames(parts, call, wanted)
  const now = parts.now()
  checkTimes(parts, wanted, now)
  if (wanted.replaces !== undefined) checkReplaces(parts, call, { id: wanted.replaces, names })
  const id = randomBytes(16).toString('base64url')
  await parts.store.write(() => {
    // Inside of the write, where no other order comes in between.
    checkOrderRates(parts, call.account, names)
    if (wanted.replaces !== undefined) checkReplaces(parts, call, { id: wanted.replaces, names })
    insert(parts, call, { ...wanted, id, names, now })
  })
  const order = parts.orders.find(id)
  if (order === undefined) throw notFound()
  const { urls } = call
  return { status: 201, body: renderOrder(parts, order, urls), location: urls.order(id) }
}

function readNames({ config }: AcmeParts, { account }: AccountCall, wanted: Wanted): string[] {
  const names = new Set<string>()
  const wrong: Subproblem[] = []
  for (const { type, value } of wanted.identifiers) {
    const read = readIdentifier(type, value)
    const identifier = value.slice(0, 64)
    if (!read.ok) {
      wrong.push({ type: read.type, detail: read.why, identifier })
      continue
    }
    const refusal = nameRefusal(read.name, config.names, account.names)
    if (refusal === undefined) names.add(read.name)
    else wrong.push({ type: 'rejectedIdentifier', detail: refusal, identifier })
  }
  const [first] = wrong
  if (first === undefined) return [...names].sort()
  const detail = `${JSON.stringify(first.identifier)}: ${first.detail}`
  throw new AcmeProblem(first.type, detail, wrong.length > 1 ? { subproblems: wrong } : {})
}

function checkTimes({ config }: AcmeParts, { notBefore, notAfter }: Wanted, now: number): void {
  if (notBefore !== undefined && !(Math.abs(notBefore - now) <= NOT_BEFORE_SLACK_MS))
    throw malformed('certificates start at once: notBefore is too far from the present')
  const end = now + config.lifetimeMs
  if (notAfter === undefined) return
  if (!(notAfter > now + LIFETIME_MS_MIN && notAfter <= end + NOT_BEFORE_SLACK_MS))
    throw malformed(
      `notAfter has to be ${CERTIFICATE_LIFETIME_SECONDS_MIN} to ${config.lifetimeMs / 1_000} seconds from now`,
    )
}

function insert(
  { orders, authorizations }: AcmeParts,
  { account }: AccountCall,
  order: Wanted & { readonly id: string; readonly names: readonly string[]; readonly now: number },
): void {
  const { id, names, now, notBefore, notAfter, replaces } = order
  let expiresAt = Math.min(now + ORDER_LIFETIME_MS, (notAfter ?? Infinity) - LIFETIME_MS_MIN)
  const ids = names.map((name) => {
    const until = now + AUTHORIZATION_REUSE_MS_MIN
    const valid = authorizations.findValid({ account: account.id, name, until })
    if (valid !== undefined) {
      expiresAt = Math.min(expiresAt, valid.expiresAt)
      return valid.id
    }
    const made = newAuthorization(account.id, name, now)
    authorizations.insert(made)
    return made.id
  })
  const times = { notBefore, notAfter, createdAt: now, expiresAt }
  orders.insert({ id, account: account.id, names, authorizations: ids, replaces, ...times })
}

function newAuthorization(
  account: string,
  name: string,
  now: number,
): Omit<Authorization, 'status'> {
  const id = randomBytes(16).toString('base64url')
  const challenges = challengeTypesFor(name).map((type) => ({
    ...{ id: randomBytes(16).toString('base64url'), authorization: id, type },
    ...{ token: randomBytes(TOKEN_BYTES).toString('base64url'), status: 'pending' as const },
    ...{ validatedAt: undefined, problem: undefined },
  }))
  return { id, account, name, expiresAt: now + AUTHORIZATION_LIFETIME_MS, challenges }
}
