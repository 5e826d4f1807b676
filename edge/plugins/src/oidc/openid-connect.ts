import type { JsonObject } from '@countersign/ground/jose'
import type { Plugin, PluginRequest, PluginTools } from '@countersign/kong'
import { createFailureBudget, type FailureBudget, Refusal } from '@countersign/layers'
import { accessBy } from '../support/anonymous.ts'
import { bearerTokens, dpopTokens, type SentToken, UNREADABLE } from '../tokens/bearer.ts'
import { createAccessTokens, type Proof } from './access-tokens.ts'
import { createBrowser, type Proven } from './browser.ts'
import { type OidcConfig, schema } from './config.ts'
import { createFinder, type Who } from './find-who.ts'
import { issuerSource } from './issuer-source.ts'
import { createProviderClient } from './provider.ts'
import { createOidcRefusals, type OidcRefusals } from './refusals.ts'
import { createUpstreamHeaders } from './upstream-headers.ts'
import { createUserInfo } from './user-info.ts'

/*
 * Who asks, by an OpenID provider (https://developer.konghq.com/plugins/openid-connect/):
 *
 * 1. a bearer token, where there is one          access-tokens.ts
 * 2. else the session of a browser               sessions.ts
 *    with new tokens before the old ones end     renewal.ts
 * 3. else a browser is sent to log in, and comes back        login.ts
 * 4. where it is wanted, the issuer is asked who it is       user-info.ts
 * 5. what was proven has to meet what the operator asks for  find-who.ts
 */

export const openidConnect: Plugin<OidcConfig> = {
  name: 'openid-connect',
  priority: 1050,
  schema,
  authenticates: true,
  // Asking could cost a refresh token, and there is no answer that a new cookie could come with.
  again: false,
  scopes: ['global', 'service', 'route'],
  safer: [
    {
      field: 'auth_methods',
      kong: 'all nine, passwords in requests among them',
      here: '["bearer"]; also introspection, authorization_code with session',
      why: 'each way in is one that somebody has to have wanted',
    },
    {
      field: 'audience_required',
      kong: 'not set: tokens for any audience pass',
      here: 'not set: tokens have to be for client_id',
      why: 'a token that another service was sent would open this one (RFC 9068 section 4)',
    },
    {
      field: 'cache_ttl',
      kong: '3600 seconds',
      here: '60 seconds',
      why: 'for so long a token that was taken back still passes by introspection',
    },
    {
      field: 'bearer_token_param_type',
      kong: '["header","query","body"]',
      here: '["header"]',
      why: 'addresses end up in logs and histories',
    },
    {
      field: 'proof_of_possession_mtls',
      kong: 'off: a bound token is good for whoever has it',
      here: 'optional: it needs the connection of its certificate; or strict: every token is bound',
      why: 'who issued it wanted it to be of no use to a thief (RFC 8705 section 3)',
    },
    {
      field: 'dpop_proof_lifetime',
      kong: '300 seconds',
      here: '60 seconds, and a proof is good once, over all gateways',
      why: 'one that was seen by somebody is of no use to them at any gateway',
    },
    {
      field: 'redirect_uri',
      kong: 'every request without credentials is sent to log in',
      here: 'only those of browsers that show a page; others are answered 401',
      why: 'a program that follows a redirect gets a login page as its data',
    },
    {
      field: 'session_cookie_name',
      kong: 'session',
      here: '__Host-session, where session_cookie_path is /',
      why: 'browsers take it from this host and over TLS only',
    },
    {
      field: 'session_secret',
      kong: 'not set: made up',
      here: 'required, 32 characters at least',
      why: 'all gateways have to know it, and none may guess it',
    },
  ],
  create(config, { tools }) {
    const ways = createWays(config, tools)
    const access = accessBy(config, tools, (asked) => authenticate(asked, ways))
    return {
      access(asked) {
        ways.headers.strip(asked)
        return access(asked)
      },
    }
  },
}

interface Ways {
  readonly config: OidcConfig
  readonly refuse: OidcRefusals
  readonly budget: FailureBudget
  readonly headers: ReturnType<typeof createUpstreamHeaders>
  readonly find: (claims: JsonObject) => Who
  readonly tokens: ReturnType<typeof createAccessTokens>
  readonly userInfo: ReturnType<typeof createUserInfo> | undefined
  readonly browser: ReturnType<typeof createBrowser> | undefined
}
function createWays(config: OidcConfig, tools: PluginTools): Ways {
  const timing = { pauseMs: config.rediscovery_lifetime * 1000, timeoutMs: config.timeout }
  const source = issuerSource(config.issuer, tools, timing)
  const refuse = createOidcRefusals(config)
  const budget = tools.shared('openid-connect failures', () =>
    createFailureBudget({ now: () => tools.now() }),
  )
  const provider = createProviderClient(config, { source, tools, refuse })
  const parts = { source, tools, refuse, provider }
  const wantsUserInfo = config.search_user_info || config.upstream_user_info_header !== null
  return {
    ...{ config, refuse, budget, headers: createUpstreamHeaders(config) },
    find: createFinder(config, parts),
    tokens: createAccessTokens(config, parts),
    userInfo: wantsUserInfo ? createUserInfo(config, parts) : undefined,
    browser: config.auth_methods.includes('session') ? createBrowser(config, parts) : undefined,
  }
}

function authenticate(asked: PluginRequest, ways: Ways): Promise<void> | undefined {
  const bearer = bearerTokens(asked, 'authorization')
  const withProof = ways.config.proof_of_possession_dpop === 'off' ? [] : dpopTokens(asked)
  const [token, ...others] = [...bearer, ...withProof]
  if (others.length > 0) throw ways.refuse.invalid('more than one token was sent')
  if (token === UNREADABLE) throw ways.refuse.invalid('the token cannot be read')
  if (token === undefined) return byBrowser(asked, ways)
  return byToken(asked, { token, scheme: bearer.length > 0 ? 'Bearer' : 'DPoP' }, ways)
}

/** States who asks; where more has to be known of them, the issuer is asked first. */
function state(asked: PluginRequest, proven: Proven, ways: Ways): Promise<void> | undefined {
  const { claims, accessToken } = proven
  const info = ways.userInfo?.(accessToken, claims.sub)
  if (info instanceof Promise)
    return info.then((late) => settle(asked, { proven, info: late }, ways))
  return settle(asked, { proven, info }, ways)
}

function settle(
  asked: PluginRequest,
  { proven, info }: { readonly proven: Proven; readonly info: JsonObject | undefined },
  ways: Ways,
): undefined {
  const { claims: own, person = asked.person, expiresAt, idToken } = proven
  // What the token says goes before what the issuer says beside it.
  const claims = ways.config.search_user_info ? { ...info, ...own } : own
  const end = expiresAt === undefined ? {} : { expiresAt }
  asked.authenticated({ person, ...ways.find(claims), ...end })
  ways.headers.tell(asked, { claims, userInfo: info, idToken })
}

function byToken(asked: PluginRequest, sent: SentToken, ways: Ways): Promise<void> | undefined {
  const { budget, tokens } = ways
  const { address } = asked.client
  const proven = ({ claims, person }: Proof): Promise<void> | undefined =>
    state(
      asked,
      { claims, accessToken: sent.token, ...(person && { person }), ...endOf(claims) },
      ways,
    )
  const failed = (error: unknown): never => {
    if (error instanceof Refusal && error.status === 401) budget.fail(address)
    throw error
  }
  try {
    const known = tokens.recall(sent, asked)
    if (known === undefined) budget.admit(address)
    const proof = known ?? tokens.check(sent, asked)
    return (proof instanceof Promise ? proof.then(proven) : proven(proof))?.catch(failed)
  } catch (error) {
    return failed(error)
  }
}

function byBrowser(asked: PluginRequest, ways: Ways): Promise<void> | undefined {
  if (ways.browser === undefined) throw ways.refuse.missing()
  const proven = ways.browser(asked)
  if (!(proven instanceof Promise)) return state(asked, proven, ways)
  return proven.then((late) => late && state(asked, late, ways))
}

/** When what the claims prove is over, where they say so. */
const endOf = ({ exp }: JsonObject): { readonly expiresAt?: number } =>
  typeof exp === 'number' ? { expiresAt: exp } : {}
