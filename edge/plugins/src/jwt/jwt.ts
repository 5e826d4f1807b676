import type { Plugin, PluginRequest, PluginTools } from '@countersign/kong'
import { createFailureBudget, Refusal } from '@countersign/layers'
import { z } from 'zod'
import { field, headerName, optional } from '../schema.ts'
import { accessBy } from '../support/anonymous.ts'
import { optionalText, realm, text } from '../support/config.ts'
import { createVerification, type Proven } from './verification.ts'

/*
 * Who asks, by a token that is signed (https://developer.konghq.com/plugins/jwt/): a token of our own provider for a
 * person, or one of a consumer whose credential has the token's `iss` as its key. Needs no configuration.
 */

const YEAR_SECONDS = 31_536_000
const names = z.array(text).max(16)
const schema = z.strictObject({
  uri_param_names: field(names, []),
  cookie_names: field(names, []),
  header_names: field(z.array(headerName).max(16), ['authorization']),
  key_claim_name: field(text, 'iss'),
  secret_is_base64: field(z.boolean(), false),
  claims_to_verify: optional(z.array(z.enum(['exp', 'nbf']))),
  anonymous: optionalText,
  run_on_preflight: field(z.boolean(), true),
  maximum_expiration: field(
    z
      .number()
      .min(0, `value should be between 0 and ${YEAR_SECONDS}`)
      .max(YEAR_SECONDS, `value should be between 0 and ${YEAR_SECONDS}`),
    0,
  ),
  realm,
})
export type JwtConfig = z.output<typeof schema>

export const jwt: Plugin<JwtConfig> = {
  name: 'jwt',
  priority: 1450,
  schema,
  authenticates: true,
  scopes: ['global', 'service', 'route'],
  safer: [
    {
      field: 'claims_to_verify',
      kong: 'not set: a token without end is good for ever',
      here: 'exp is required and checked always, nbf and iat where they are there',
      why: 'a token that was stolen once must not be good for ever',
    },
    {
      field: 'uri_param_names',
      kong: '["jwt"]',
      here: '[]',
      why: 'addresses end up in logs and histories: set it to take tokens from there',
    },
    {
      field: 'secret',
      kong: 'any length',
      here: 'HS256, HS384 and HS512 want 32 bytes at least, and no public key',
      why: 'a shorter one can be guessed from one token (RFC 7518 section 3.2)',
    },
    {
      field: 'run_on_preflight',
      kong: 'false lets every OPTIONS request pass without a token',
      here: 'false lets only preflight requests of CORS pass',
      why: 'another OPTIONS request may have an effect',
    },
  ],
  create(config, { tools }) {
    return { access: accessBy(config, tools, createAuthentication(config, tools)) }
  },
}

/** Tokens that were good before pass whatever their address has spent: a forger cannot lock out who shares it. */
function createAuthentication(config: JwtConfig, tools: PluginTools) {
  const budget = tools.shared('jwt failures', () => createFailureBudget({ now: () => tools.now() }))
  const verification = createVerification(config, tools)
  const state = (asked: PluginRequest, proven: Proven): void => asked.authenticated(proven)
  const failed = (asked: PluginRequest, error: unknown): never => {
    if (error instanceof Refusal && error.status === 401) budget.fail(asked.client.address)
    throw error
  }
  return (asked: PluginRequest): Promise<void> | undefined => {
    const token = verification.find(asked)
    const known = verification.recall(token)
    if (known !== undefined) return void state(asked, known)
    if (!verification.isOwn(token)) budget.admit(asked.client.address)
    try {
      const proven = verification.verify(token)
      if (!(proven instanceof Promise)) return void state(asked, proven)
      return proven.then(
        (late) => state(asked, late),
        (error: unknown) => failed(asked, error),
      )
    } catch (error) {
      return failed(asked, error)
    }
  }
}
