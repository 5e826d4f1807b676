import { parseLimit } from '@countersign/contract'
import { createMemoryLimiter } from '@countersign/layers'
import type { IncomingMessage } from 'node:http'
import { AdminError } from '../errors.ts'
import type { AdminKeys } from '../keys/admin-keys.ts'
import type { Holders } from '../keys/holders.ts'
import { ADMIN_FAILURES_PER_SECOND, ADMIN_REQUESTS_PER_SECOND } from '../limits.ts'
import type { Actor } from '../store/control-store.ts'

/*
 * - the Host header is one of ours: a page of somebody else, whose name leads to loopback, ends here (DNS rebinding)
 * - a browser that a page of another origin has sent here is turned away, whatever key it remembers
 * - a key is presented as the password of Basic, as Bearer, or as `Kong-Admin-Token`; in one way only
 * - who holds the key is an administrator still
 * - wrong keys are few in a second; a right one passes whatever was tried before it
 * - requests of one actor are bounded
 */
export interface Guard {
  admit(incoming: IncomingMessage): Promise<Actor>
  close(): Promise<void>
}

export function createGuard(options: {
  readonly hosts: ReadonlySet<string>
  readonly keys: AdminKeys
  readonly holders: Pick<Holders, 'standing'>
  readonly now: () => number
}): Guard {
  const { hosts, keys, holders, now } = options
  const limiter = createMemoryLimiter()
  const perActor = limitOf(ADMIN_REQUESTS_PER_SECOND)
  let second = 0
  let failures = 0
  const fail = (rule: string): AdminError => {
    const current = Math.floor(now() / 1_000)
    if (current !== second) failures = 0
    second = current
    failures += 1
    return failures > ADMIN_FAILURES_PER_SECOND
      ? new AdminError(429, 'API rate limit exceeded', { rule, headers: { 'retry-after': '1' } })
      : unauthorized(rule)
  }
  return {
    async admit(incoming) {
      checkHost(incoming, hosts)
      checkOrigin(incoming)
      const key = presentedKey(incoming)
      if (key === undefined) throw unauthorized('no admin key')
      const actor = typeof key === 'string' ? keys.find(key, now()) : undefined
      if (actor === undefined) throw fail('an admin key that is not known')
      const standing = await holders.standing(actor)
      if (standing === 'nobody') throw unauthorized('the key of who is no administrator any more')
      if (standing === 'unknown') throw unsure()
      const verdict = await limiter.take(`admin:${actor.id}`, perActor)
      if (verdict.allowed) return actor
      const headers = { 'retry-after': String(verdict.retryAfterSeconds) }
      throw new AdminError(429, 'API rate limit exceeded', {
        headers,
        rule: 'too many requests of one actor',
      })
    },
    close: () => limiter.close(),
  }
}

function limitOf(perSecond: number): Exclude<ReturnType<typeof parseLimit>, string> {
  const limit = parseLimit(`${perSecond}/second per person`)
  if (typeof limit === 'string') throw new TypeError(limit)
  return limit
}

function checkHost(incoming: IncomingMessage, hosts: ReadonlySet<string>): void {
  const values = incoming.rawHeaders.filter(
    (_, i, raw) => i % 2 === 1 && raw[i - 1]?.toLowerCase() === 'host',
  )
  const [host = ''] = values
  const name = host.toLowerCase().replace(/:[0-9]{1,5}$/, '')
  if (values.length === 1 && hosts.has(name)) return
  throw new AdminError(421, 'This host is not served here', {
    rule: 'the Host header names another host',
  })
}

function checkOrigin({ headers }: IncomingMessage): void {
  const site = headers['sec-fetch-site']
  const foreign =
    (site !== undefined && site !== 'same-origin' && site !== 'none') ||
    (headers.origin !== undefined && headers.origin !== `http://${headers.host}`)
  if (foreign)
    throw new AdminError(403, 'Requests of other origins are not answered', {
      rule: 'a page of another origin',
    })
}

const unauthorized = (rule: string): AdminError =>
  new AdminError(401, 'Unauthorized', {
    rule,
    headers: { 'www-authenticate': 'Basic realm="countersign"' },
  })

const unsure = (): AdminError =>
  new AdminError(503, 'It cannot be checked now who you are', {
    rule: 'the service that knows the people does not answer',
    headers: { 'retry-after': '1' },
  })

/** The key that came along; `null` where it came in two ways, or in none that is known. */
function presentedKey({ headers }: IncomingMessage): string | null | undefined {
  const token = headers['kong-admin-token']
  const { authorization } = headers
  if (token === undefined && authorization === undefined) return undefined
  if (token !== undefined)
    return authorization === undefined && typeof token === 'string' ? token : null
  const [, scheme = '', value = ''] =
    /^(Basic|Bearer) +([A-Za-z0-9+/=._~-]{1,512})$/i.exec(authorization ?? '') ?? []
  if (scheme.toLowerCase() === 'bearer') return value
  if (scheme === '') return null
  const text = Buffer.from(value, 'base64').toString('utf8')
  const colon = text.indexOf(':')
  return colon === -1 ? null : text.slice(colon + 1)
}
