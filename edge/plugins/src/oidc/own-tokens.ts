import type { PluginTools } from '@countersign/kong'
import { Refusal, type VerifiedToken } from '@countersign/layers'
import { BoundedCache } from '../support/bounded-cache.ts'
import type { SentToken } from '../tokens/bearer.ts'
import { parseToken } from '../tokens/parse-token.ts'
import type { Proof } from './access-tokens.ts'
import { isAudience } from './claims.ts'
import type { OidcConfig } from './config.ts'
import type { OidcRefusals } from './refusals.ts'

/**
 * Tokens of our own provider: checked by the platform's verifier, which knows what was taken back, and of a person.
 */
export function createOwnTokens(
  config: OidcConfig,
  { tools, refuse }: { tools: PluginTools; refuse: OidcRefusals },
) {
  const isStrict = [config.proof_of_possession_mtls, config.proof_of_possession_dpop].includes(
    'strict',
  )
  const seen = new BoundedCache<Pick<Proof, 'claims'>>()
  const settle = (token: string, { person }: VerifiedToken): Proof => {
    const known = seen.get(token)
    if (known !== undefined) return { ...known, person }
    const parsed = parseToken(token)
    if (typeof parsed === 'string') throw refuse.invalid(parsed)
    const { claims } = parsed
    if (!isAudience(claims, config)) throw refuse.invalid('the token is for another audience')
    // The verifier takes no bound ones, as it does not know the connection.
    if (isStrict) throw refuse.invalid('the token is not bound')
    seen.set(token, { claims })
    return { claims, person }
  }
  const fail = (token: string, error: unknown): never => {
    seen.delete(token)
    throw error instanceof Refusal && error.status === 401
      ? refuse.invalid(error.facts.rule ?? 'the platform does not believe it')
      : error
  }
  const check = ({ token, scheme }: SentToken): Proof | Promise<Proof> => {
    if (scheme === 'DPoP') throw refuse.proof('the token is bound to no key')
    try {
      const verified = tools.verifyToken(token)
      if (!(verified instanceof Promise)) return settle(token, verified)
      return verified
        .then((late) => settle(token, late))
        .catch((error: unknown) => fail(token, error))
    } catch (error) {
      return fail(token, error)
    }
  }
  return {
    check,
    /** Who had a good token goes on, whatever others have spent: its verifier has the verdict. */
    recall(sent: SentToken): Proof | undefined {
      const proof = seen.get(sent.token) === undefined ? undefined : check(sent)
      return proof instanceof Promise ? undefined : proof
    },
  }
}
