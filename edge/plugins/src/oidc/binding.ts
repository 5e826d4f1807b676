import { createHash } from 'node:crypto'
import type { JsonObject } from '@countersign/ground/jose'
import type { PluginRequest, PluginTools } from '@countersign/kong'
import type { SentToken } from '../tokens/bearer.ts'
import type { OidcConfig } from './config.ts'
import { checkProof } from './dpop-proof.ts'
import type { OidcRefusals } from './refusals.ts'
import { createProofUses } from './proof-uses.ts'

const CERTIFICATE = 'x5t#S256'
const KEY = 'jkt'

/*
 * What a token is bound to (its claim `cnf`):
 *
 * - a certificate: it is good only over a connection with that (RFC 8705 section 3)
 * - a key: it is good only with a new proof of it, sent as a token that needs one (RFC 9449 section 7.1)
 * - anything else cannot be checked here, so such a token is not believed
 * - with `strict` neither is one that is not bound in this way
 */
export function createBinding(
  config: OidcConfig,
  { tools, refuse }: { readonly tools: PluginTools; readonly refuse: OidcRefusals },
) {
  const { proof_of_possession_mtls: mtls, proof_of_possession_dpop: dpop } = config
  const lifetimeSeconds = config.dpop_proof_lifetime
  const use = createProofUses(tools, lifetimeSeconds)

  const checkKey = async (
    thumbprint: string,
    asked: PluginRequest,
    { token, scheme }: SentToken,
  ): Promise<void> => {
    const now = tools.now()
    if (scheme !== 'DPoP') throw refuse.proof('the token was sent as one that needs no proof')
    const proof = checkProof(asked, { token, thumbprint, now, lifetimeSeconds })
    if (typeof proof === 'string') throw refuse.proof(proof)
    const used = await use(proof, now)
    if (used.verdict === 'seen') throw refuse.proof('the proof was used before')
    if (used.verdict === 'full') throw refuse.unavailable('too many proofs are remembered')
    if (used.verdict === 'unsure') throw refuse.nonce(used.nonce)
    if (used.nonce !== undefined) asked.answerHeaders.set('DPoP-Nonce', used.nonce)
  }
  /** Throws `Refusal`, or rejects with it. */
  return (
    { cnf }: JsonObject,
    asked: PluginRequest,
    sent: SentToken,
  ): undefined | Promise<void> => {
    const bound = cnf === undefined ? NOTHING : readBinding(cnf)
    const certificate = bound?.get(CERTIFICATE)
    const key = bound?.get(KEY)
    if (bound === undefined || (key !== undefined && dpop === 'off'))
      throw refuse.invalid('the token is bound in a way that is not known here')
    if (certificate !== undefined && certificate !== thumbprintOf(asked))
      throw refuse.invalid('the token is bound to another certificate')
    if (certificate === undefined && mtls === 'strict')
      throw refuse.invalid('the token is bound to no certificate')
    if (key !== undefined) return checkKey(key, asked, sent)
    if (dpop === 'strict' || sent.scheme === 'DPoP')
      throw refuse.proof('the token is bound to no key')
    return undefined
  }
}

const NOTHING: ReadonlyMap<string, string> = new Map()

/** `undefined` where something of it is not known. */
function readBinding(cnf: unknown): ReadonlyMap<string, string> | undefined {
  if (typeof cnf !== 'object' || cnf === null) return undefined
  const bound = new Map<string, string>()
  for (const [name, value] of Object.entries(cnf)) {
    if ((name !== CERTIFICATE && name !== KEY) || typeof value !== 'string') return undefined
    bound.set(name, value)
  }
  return bound.size === 0 ? undefined : bound
}

function thumbprintOf(asked: PluginRequest): string | undefined {
  const [leaf] = asked.client.certificates()
  return leaf && createHash('sha256').update(leaf).digest('base64url')
}
