import { z } from 'zod'
import { LIST_ENTRIES_MAX } from '../limits.ts'
import { field, headerName, optional } from '../schema.ts'
import { isEmpty, only, optionalList, optionalText, text, textList } from '../support/config.ts'

/*
 * The configuration of openid-connect with Kong's names and defaults. Of Kong's two hundred settings those are here that
 * are done; every other one is a mistake, so that none is believed to hold that does not.
 */

const httpsUrl = z
  .string()
  .max(2_048)
  .refine((value) => URL.canParse(value) && new URL(value).protocol === 'https:', {
    error: 'an https URL is expected',
  })
const one = <T extends z.ZodType>(type: T) => optional(z.array(type).max(1, 'one is enough here'))
const path = (...names: string[]) => field(textList, names)
const cookieName = z.string().regex(/^[A-Za-z0-9_-]{1,64}$/)
const seconds = (byDefault: number) => field(z.number().min(1).max(2_592_000), byDefault)

const METHODS = ['bearer', 'introspection', 'authorization_code', 'session'] as const

const shape = z.strictObject({
  issuer: httpsUrl,
  issuers_allowed: optionalList,
  auth_methods: field(z.array(z.enum(METHODS)).min(1), ['bearer']),
  client_id: one(text),
  client_secret: one(text),
  client_auth: one(z.enum(['client_secret_basic', 'client_secret_post', 'none'])),
  redirect_uri: one(httpsUrl),
  scopes: path('openid'),
  audience: optionalList,

  audience_claim: path('aud'),
  audience_required: optionalList,
  scopes_claim: path('scope'),
  scopes_required: optionalList,
  groups_claim: path('groups'),
  groups_required: optionalList,
  roles_claim: path('roles'),
  roles_required: optionalList,
  claims_forbidden: optionalList,
  authenticated_groups_claim: optionalList,
  consumer_claim: optionalList,
  consumer_by: field(z.array(z.enum(['id', 'username', 'custom_id'])), ['username', 'custom_id']),
  consumer_optional: field(z.boolean(), false),
  credential_claim: path('sub'),

  proof_of_possession_mtls: field(
    z.enum(['optional', 'strict'], { error: 'a token that is bound to a certificate needs it' }),
    'optional',
  ),
  proof_of_possession_dpop: field(z.enum(['off', 'optional', 'strict']), 'off'),
  dpop_proof_lifetime: field(z.number().min(1).max(300), 60),
  dpop_use_nonce: only(false, 'proofs are held to their time, not to a nonce'),
  bearer_token_param_type: field(z.array(z.enum(['header'])), ['header']),
  introspect_jwt_tokens: field(z.boolean(), false),
  introspection_endpoint: optional(httpsUrl),
  introspection_hint: field(text, 'access_token'),
  cache_introspection: field(z.boolean(), true),
  cache_ttl: field(z.number().min(0).max(3_600), 60),
  cache_ttl_neg: field(z.number().min(0).max(3_600), 10),

  search_user_info: field(z.boolean(), false),
  cache_user_info: field(z.boolean(), true),

  authorization_endpoint: optional(httpsUrl),
  token_endpoint: optional(httpsUrl),
  userinfo_endpoint: optional(httpsUrl),
  revocation_endpoint: optional(httpsUrl),
  end_session_endpoint: optional(httpsUrl),

  upstream_user_info_header: optional(headerName),
  upstream_id_token_header: optional(headerName),
  upstream_headers_claims: optionalList,
  upstream_headers_names: optional(z.array(headerName).max(LIST_ENTRIES_MAX)),

  session_secret: optional(
    z.string().min(32, 'the secret has fewer than 32 characters').max(1_024),
  ),
  session_audience: field(text, 'default'),
  session_cookie_name: optional(cookieName),
  session_cookie_path: field(z.string().regex(/^\/[A-Za-z0-9._~/-]{0,256}$/), '/'),
  session_cookie_same_site: field(z.enum(['Lax', 'Strict']), 'Lax'),
  session_cookie_http_only: only(true, 'scripts never read the session'),
  session_cookie_secure: only(true, 'the session is never sent without TLS'),
  session_storage: only('cookie', 'sessions are kept in their cookie only'),
  session_absolute_timeout: seconds(86_400),
  session_idling_timeout: seconds(900),
  session_rolling_timeout: seconds(3_600),
  authorization_cookie_name: optional(cookieName),
  authorization_rolling_timeout: field(z.number().min(1).max(3_600), 600),
  login_action: only('upstream', 'after the login the client goes on to what it has asked for'),
  refresh_tokens: field(z.boolean(), true),
  logout_uri_suffix: optional(z.string().regex(/^\/[A-Za-z0-9._~/-]{1,256}$/)),
  logout_methods: field(z.array(z.enum(['POST', 'GET', 'DELETE'])), ['POST', 'DELETE']),
  logout_redirect_uri: one(httpsUrl),
  logout_revoke: field(z.boolean(), false),
  logout_revoke_access_token: field(z.boolean(), true),
  logout_revoke_refresh_token: field(z.boolean(), true),
  upstream_access_token_header: only('authorization:bearer', 'the token goes on where it came'),

  anonymous: optionalText,
  run_on_preflight: field(z.boolean(), true),
  leeway: field(z.number().min(0).max(60), 0),
  timeout: field(z.number().min(1).max(60_000), 10_000),
  rediscovery_lifetime: field(z.number().min(10).max(3_600), 30),
  unauthorized_error_message: field(text, 'Unauthorized'),
  forbidden_error_message: field(text, 'Forbidden'),

  verify_signature: only(true, 'signatures are always verified'),
  verify_claims: only(true, 'claims are always verified'),
  verify_nonce: only(true, 'the nonce is always verified'),
  verify_parameters: only(false, 'the configuration is not held against the discovery'),
  ssl_verify: only(true, 'certificates are always verified'),
  enable_hs_signatures: only(false, 'a secret beside public keys lets one pass for the other'),
  display_errors: only(false, 'what is wrong is for the log'),
  introspection_check_active: only(true, 'a token that is not active is none'),
})
type Shape = z.output<typeof shape>

export const schema = shape
  .superRefine((config, context) => {
    for (const message of mistakesIn(config)) context.addIssue({ code: 'custom', message })
  })
  .transform((config) => {
    // A browser takes such a cookie from this host only (RFC 6265bis section 4.1.3.2): nobody beside it plants one.
    const prefix = config.session_cookie_path === '/' ? '__Host-' : ''
    const { session_cookie_name: session, authorization_cookie_name: authorization } = config
    return {
      ...config,
      session_cookie_name: session ?? `${prefix}session`,
      authorization_cookie_name: authorization ?? `${prefix}authorization`,
    }
  })
export type OidcConfig = z.output<typeof schema>

function* mistakesIn(config: Shape): Generator<string> {
  const has = (method: (typeof METHODS)[number]): boolean => config.auth_methods.includes(method)
  const noClient = isEmpty(config.client_id)
  if ((has('bearer') || has('introspection')) && noClient && isEmpty(config.audience_required))
    yield 'audience_required or client_id is needed: a token for anybody is for nobody'
  if (has('introspection') && noClient) yield 'introspection needs a client_id'
  if (config.introspect_jwt_tokens && !has('introspection'))
    yield 'introspect_jwt_tokens needs the auth_method introspection'
  if (has('authorization_code') !== has('session'))
    yield 'authorization_code and session need each other'
  const { upstream_headers_claims: claims, upstream_headers_names: names } = config
  if ((claims?.length ?? 0) !== (names?.length ?? 0))
    yield 'upstream_headers_claims and upstream_headers_names have one entry for each other'
  if (!has('session')) return
  const cookies = [config.session_cookie_name, config.authorization_cookie_name]
  if (config.session_cookie_path !== '/' && cookies.some((name) => name?.startsWith('__Host-')))
    yield 'a __Host- cookie has the path /'
  if (noClient || isEmpty(config.redirect_uri))
    yield 'authorization_code needs a client_id and a redirect_uri'
  if (config.session_secret === null) yield 'session needs a session_secret'
  if (!config.scopes.includes('openid')) yield 'authorization_code needs the scope openid'
}
