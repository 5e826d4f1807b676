import { createHash } from 'node:crypto'
import { calendarLimit, type ParsedLimit } from '@countersign/contract'
import type { HeaderDraft, Plugin, PluginPlace, PluginRequest } from '@countersign/kong'
import { addressKey, type LimitVerdict, Refusal } from '@countersign/layers'
import { PERIODS, type Period, type RateLimitingConfig, rateLimitingSchema } from './config.ts'

/*
 * Kong's rate-limiting on the gateway's own limiter: all periods are decided in one step, a refused request uses up
 * nothing, and nothing is let pass because a store is away.
 */
export const rateLimiting: Plugin<RateLimitingConfig> = {
  name: 'rate-limiting',
  priority: 910,
  again: false,
  schema: rateLimitingSchema,
  safer: [
    {
      field: 'fault_tolerant',
      kong: 'no limit at all while the store is away, or 500 where it is false',
      here: 'this gateway lets pass its share of the limit, whichever value it has',
      why: 'a limit that can be lifted by breaking a store is none',
    },
    {
      field: 'policy',
      kong: 'each entity says where its counts live; local and cluster can let pass too much at once',
      here: 'counts live where the gateway is set to keep them, in Redis or in shares, and are exact',
      why: 'one store for all limits; an entity cannot send the gateway to a host of its choice',
    },
    {
      field: 'redis.password',
      kong: 'kept and shown',
      here: 'not kept',
      why: 'the gateway knows its own store; a secret that nobody needs is kept by nobody',
    },
  ],
  create: (config, place) => {
    const limit = limitOf(config)
    const names = limit.windows.map(({ name }) => headerNames(name))
    const prefix = `kong:${place.route?.id ?? '-'}:${place.service?.id ?? '-'}:`
    if (config.redis.host !== null)
      place.tools.log.info(
        { plugin: place.id, host: config.redis.host },
        'rate-limiting: config.redis.host is shown, but counts live where the gateway is set to keep them',
      )
    const settle = (verdict: LimitVerdict, asked: PluginRequest): void => {
      if (!config.hide_client_headers) tell(asked.answerHeaders, verdict, names)
      if (!verdict.allowed) throw refused(verdict, config, place)
    }
    return {
      access: (asked) => {
        const verdict = place.tools.limiter.take(prefix + whoOf(asked, config), limit)
        if (!(verdict instanceof Promise)) return settle(verdict, asked)
        return verdict.then((settled) => settle(settled, asked))
      },
    }
  },
}

/** The schema has checked what `calendarLimit` asks for; a fraction of a request is none. */
function limitOf(config: RateLimitingConfig): ParsedLimit {
  const rates: Partial<Record<Period, number>> = {}
  for (const name of PERIODS) {
    const max = config[name]
    if (max !== null) rates[name] = Math.floor(max)
  }
  const limit = calendarLimit('person', rates)
  if (typeof limit === 'string') throw new TypeError(`rate-limiting: ${limit}`)
  return limit
}

/** Who is counted. What a client can choose freely never stands for somebody else: each kind has its own names. */
function whoOf(asked: PluginRequest, config: RateLimitingConfig): string {
  switch (config.limit_by) {
    case 'consumer':
      return known(asked, asked.consumer?.id)
    case 'credential':
      return known(asked, asked.credentialId)
    case 'service':
      return asked.service === undefined ? addressOf(asked) : `service:${asked.service.id}`
    case 'header': {
      const value = asked.header((config.header_name ?? '').toLowerCase())
      return value === undefined || value === '' ? addressOf(asked) : `header:${short(value)}`
    }
    case 'path':
      return asked.path === config.path ? 'path' : addressOf(asked)
    case 'ip':
      return addressOf(asked)
  }
}
function known(asked: PluginRequest, id: string | undefined): string {
  if (id !== undefined) return `id:${id}`
  if (asked.consumer !== undefined) return `id:${asked.consumer.id}`
  if (asked.person !== undefined) return `person:${asked.person.id}`
  if (asked.credentialId !== undefined) return `id:${asked.credentialId}`
  return addressOf(asked)
}
const addressOf = (asked: PluginRequest): string => `address:${addressKey(asked.client.address)}`
const short = (value: string): string =>
  value.length <= 64 ? value : createHash('sha256').update(value).digest('base64url')

interface Names {
  readonly limit: string
  readonly remaining: string
}
function headerNames(period: Period): Names {
  const written = period.charAt(0).toUpperCase() + period.slice(1)
  return {
    limit: `X-RateLimit-Limit-${written}`,
    remaining: `X-RateLimit-Remaining-${written}`,
  }
}

/**
 * Kong's headers, and beside them those of draft-ietf-httpapi-ratelimit-headers-11. The plain trio tells of the period
 * with the least left; of two with as little, of the longer one.
 */
function tell(headers: HeaderDraft, verdict: LimitVerdict, names: readonly Names[]): void {
  let policies = ''
  let states = ''
  let least = verdict.windows[0]
  for (let i = 0; i < verdict.windows.length; i++) {
    const window = verdict.windows[i]
    const name = names[i]
    if (window === undefined || name === undefined) continue
    headers.set(name.limit, String(window.max))
    headers.set(name.remaining, String(window.remaining))
    if (i > 0) {
      policies += ', '
      states += ', '
    }
    policies += `"${window.name}";q=${window.max};w=${window.seconds}`
    states += `"${window.name}";r=${window.remaining};t=${window.resetSeconds}`
    if (least === undefined || window.remaining <= least.remaining) least = window
  }
  if (least === undefined) return
  headers.set('RateLimit-Limit', String(least.max))
  headers.set('RateLimit-Remaining', String(least.remaining))
  headers.set('RateLimit-Reset', String(Math.max(least.resetSeconds, 1)))
  headers.set('RateLimit-Policy', policies)
  headers.set('RateLimit', states)
  if (!verdict.allowed) headers.set('Retry-After', String(Math.max(verdict.retryAfterSeconds, 1)))
}

function refused(verdict: LimitVerdict, config: RateLimitingConfig, place: PluginPlace): Refusal {
  const full = verdict.windows.filter(({ remaining }) => remaining === 0)
  const which = full.map(({ name, max }) => `${max}/${name}`).join(', ')
  const waitSeconds = Math.max(verdict.retryAfterSeconds, 1)
  return new Refusal('RATE_LIMITED', {
    message: config.error_message,
    status: config.error_code,
    detail: `Too many requests. Try again in ${waitSeconds} s.`,
    rule: `plugin rate-limiting ${place.id}: ${which === '' ? 'the share of this gateway' : which} is used up`,
    remedy: `wait ${waitSeconds} s, or raise the limit of the plugin`,
  })
}
