import { messageOf } from '@countersign/ground/errors'
import { type JsonObject, parseJsonObject } from '@countersign/ground/jose'
import type { PluginTools } from '@countersign/kong'
import { INTROSPECTION_BYTES_MAX, INTROSPECTIONS_MAX } from '../limits.ts'
import { BoundedCache } from '../support/bounded-cache.ts'
import { checkTimes } from '../tokens/check-times.ts'
import { isAudience } from './claims.ts'
import type { OidcConfig } from './config.ts'
import type { IssuerSource } from './issuer-source.ts'
import type { OidcRefusals } from './refusals.ts'

interface Verdict {
  /** `undefined`: the issuer knows no such token. */
  readonly claims: JsonObject | undefined
  /** Milliseconds since 1970. */
  readonly until: number
}

/*
 * Asks the issuer of a token what it is (RFC 7662): one question at a time for each token, shared by all who wait; an
 * answer is good for `cache_ttl` at most, and never past the end of the token. What cannot be asked is refused.
 */
export function createIntrospection(
  config: OidcConfig,
  { source, tools, refuse }: { source: IssuerSource; tools: PluginTools; refuse: OidcRefusals },
) {
  const verdicts = new BoundedCache<Verdict>()
  const asked = new Map<string, Promise<Verdict>>()

  const endpoint = async (): Promise<string> => {
    if (config.introspection_endpoint !== null) return config.introspection_endpoint
    if (source.current() === undefined) await source.refreshed()
    const found = source.current()?.metadata.introspectionEndpoint
    if (found === undefined) throw refuse.unavailable('the issuer names no introspection endpoint')
    return found
  }
  const question = async (token: string): Promise<Verdict> => {
    const url = await endpoint()
    const answer = await tools
      .fetch({ url, method: 'POST', ...formOf(token, config), timeoutMs: config.timeout })
      .catch((error: unknown) => {
        throw refuse.unavailable(`the token cannot be asked for: ${messageOf(error)}`)
      })
    const claims = answer.status === 200 ? parseJsonObject(answer.body) : undefined
    if (claims === undefined)
      throw refuse.unavailable('the introspection endpoint answers nonsense')
    const now = tools.now()
    if (claims.active !== true)
      return { claims: undefined, until: now + config.cache_ttl_neg * 1000 }
    const end = typeof claims.exp === 'number' ? claims.exp * 1000 : Number.POSITIVE_INFINITY
    return { claims, until: Math.min(now + config.cache_ttl * 1000, end) }
  }
  const ask = (token: string): Promise<Verdict> => {
    const running = asked.get(token)
    if (running !== undefined) return running
    if (asked.size >= INTROSPECTIONS_MAX) throw refuse.unavailable('too many tokens are asked for')
    const started = question(token)
      .then((verdict) => {
        if (config.cache_introspection) verdicts.set(token, verdict)
        return verdict
      })
      .finally(() => asked.delete(token))
    asked.set(token, started)
    return started
  }
  /** The claims of an active token for us; throws `Refusal`. */
  const settle = ({ claims }: Verdict): JsonObject => {
    if (claims === undefined) throw refuse.invalid('the issuer says that the token is not active')
    const issuer = source.current()?.metadata.issuer ?? config.issuer
    if (claims.iss !== undefined && claims.iss !== issuer)
      throw refuse.invalid('the token is of another issuer')
    const exp = claims.exp ?? Number.MAX_SAFE_INTEGER
    const fault = checkTimes({ ...claims, exp }, { now: tools.now(), leewaySeconds: config.leeway })
    if (fault !== undefined) throw refuse.invalid(`${fault.claim} ${fault.text}`)
    if (!isAudience(claims, config)) throw refuse.invalid('the token is for another audience')
    return claims
  }
  return {
    /** What is known already. */
    recall(token: string): JsonObject | undefined {
      const verdict = verdicts.get(token)
      return verdict !== undefined && tools.now() < verdict.until ? settle(verdict) : undefined
    },
    introspect: (token: string): Promise<JsonObject> => ask(token).then(settle),
  }
}

function formOf(token: string, config: OidcConfig) {
  const [id = ''] = config.client_id ?? []
  const [secret] = config.client_secret ?? []
  const [auth = secret === undefined ? 'none' : 'client_secret_basic'] = config.client_auth ?? []
  const form = new URLSearchParams({ token, token_type_hint: config.introspection_hint })
  if (auth !== 'client_secret_basic') form.set('client_id', id)
  if (auth === 'client_secret_post') form.set('client_secret', secret ?? '')
  const basic = Buffer.from(`${encoded(id)}:${encoded(secret ?? '')}`).toString('base64')
  return {
    body: form.toString(),
    bytesMax: INTROSPECTION_BYTES_MAX,
    headers: {
      accept: 'application/json',
      'content-type': 'application/x-www-form-urlencoded',
      ...(auth === 'client_secret_basic' ? { authorization: `Basic ${basic}` } : {}),
    },
  }
}

/** RFC 6749 section 2.3.1: name and secret are written as in a form before they are joined. */
const encoded = (text: string): string => new URLSearchParams({ '': text }).toString().slice(1)
