import type { JwtSecret, PluginRequest, PluginTools } from '@countersign/kong'
import type { VerifiedToken } from '@countersign/layers'
import { CACHED_TOKEN_CHARS_MAX, CACHED_VERDICT_MS_MAX } from '../limits.ts'
import { BoundedCache } from '../support/bounded-cache.ts'
import { checkTimes } from '../tokens/check-times.ts'
import { type ParsedToken, parseToken, textClaim } from '../tokens/parse-token.ts'
import { createCredentialCheck } from './credential-check.ts'
import type { JwtConfig } from './jwt.ts'
import { readToken } from './read-token.ts'
import { createRefusals, type JwtRefusals } from './refusals.ts'

export type Proven = Parameters<PluginRequest['authenticated']>[0]

/** Token by token. Each step throws `Refusal` with Kong's text. */
export interface Verification {
  /** The one token of a request. */
  find(asked: PluginRequest): string
  /** The verdict of before, as long as it and the credential are good. */
  recall(token: string): Proven | undefined
  /** Whether this token of our own provider was good before. Its verifier remembers it, and asks what was taken back. */
  isOwn(token: string): boolean
  verify(token: string): Proven | Promise<Proven>
}

/** What was found out of a token of a consumer. */
interface Verdict {
  readonly proven: Proven
  readonly key: string
  readonly credential: JwtSecret
  /** Milliseconds since 1970; never after the token's end. */
  readonly until: number
}

/*
 * 1. the one token of the request          read-token.ts
 * 2. taken apart, strictly                 tokens/parse-token.ts
 * 3. ours: by the platform's own verifier; else the credential that its key claim names
 * 4. the algorithm, which is the credential's; the signature     credential-check.ts
 * 5. when it is good                       tokens/check-times.ts
 */
export function createVerification(config: JwtConfig, tools: PluginTools): Verification {
  const verdicts = new BoundedCache<Verdict>()
  const own = new BoundedCache<typeof OWN>()
  const refuse = createRefusals(config.realm)
  const steps = { config, tools, refuse, check: createCredentialCheck(config, refuse) }

  const verifyOwn = (token: string): Proven | Promise<Proven> => {
    const settle = (verified: VerifiedToken): Proven => {
      checkLife(verified, config, { now: tools.now(), refuse })
      if (token.length <= CACHED_TOKEN_CHARS_MAX) own.set(token, OWN)
      return provenOf(verified)
    }
    const fail = (error: unknown): never => {
      own.delete(token)
      throw refuse.inKongsWords(error)
    }
    try {
      const verified = tools.verifyToken(token)
      return verified instanceof Promise ? verified.then(settle).catch(fail) : settle(verified)
    } catch (error) {
      return fail(error)
    }
  }

  return {
    find: (asked) => readToken(asked, config, refuse),
    recall(token) {
      const verdict = verdicts.get(token)
      if (verdict === undefined) return undefined
      const { key, credential, until, proven } = verdict
      // Taken away or replaced: the next step says so.
      const isCurrent = tools.directory.jwtSecret(key)?.credential === credential
      if (isCurrent && tools.now() < until) return proven
      verdicts.delete(token)
      return undefined
    },
    isOwn: (token) => own.get(token) !== undefined,
    verify(token) {
      if (own.get(token) !== undefined) return verifyOwn(token)
      const parsed = parseToken(token)
      if (typeof parsed === 'string') throw refuse.invalid(`Bad token; ${parsed}`)
      if (parsed.claims.iss === tools.issuer) return verifyOwn(token)
      const verdict = verifyForConsumer(parsed, steps)
      if (token.length <= CACHED_TOKEN_CHARS_MAX) verdicts.set(token, verdict)
      return verdict.proven
    },
  }
}
const OWN = {}

function provenOf({ person, expiresAt }: VerifiedToken): Proven {
  return { person, credentialId: person.id, groups: person.roles, expiresAt }
}

function checkLife(
  { expiresAt }: VerifiedToken,
  { maximum_expiration }: JwtConfig,
  { now, refuse }: { readonly now: number; readonly refuse: JwtRefusals },
): void {
  const fault = checkTimes({ exp: expiresAt }, { now, secondsMax: maximum_expiration })
  if (fault !== undefined) throw refuse.time(fault)
}

interface Steps {
  readonly config: JwtConfig
  readonly tools: PluginTools
  readonly refuse: JwtRefusals
  readonly check: ReturnType<typeof createCredentialCheck>
}

function verifyForConsumer(parsed: ParsedToken, { config, tools, refuse, check }: Steps): Verdict {
  const name = config.key_claim_name
  const key = textClaim(parsed.claims, name) ?? textClaim(parsed.header, name)
  if (key === undefined) throw refuse.invalid(`No mandatory '${name}' in claims`)
  if (key === '') throw refuse.invalid(`Invalid '${name}' in claims`)
  const found = tools.directory.jwtSecret(key)
  if (found === undefined) throw refuse.invalid(`No credentials found for given '${name}'`)
  const { credential, consumer } = found
  const now = tools.now()
  check(parsed, credential)
  const fault = checkTimes(parsed.claims, { now, secondsMax: config.maximum_expiration })
  if (fault !== undefined) throw refuse.time(fault)
  const expiresAt = Number(parsed.claims.exp)
  const until = Math.min(expiresAt * 1000, now + CACHED_VERDICT_MS_MAX)
  return { proven: { consumer, credentialId: credential.id, expiresAt }, key, credential, until }
}
