import type { JsonObject } from '@countersign/ground/jose'
import type { Plugin, PluginRequest, PluginTools } from '@countersign/kong'
import { createFailureBudget, type FailureBudget, Refusal } from '@countersign/layers'
import { accessBy } from '../support/anonymous.ts'
import { bearerTokens, UNREADABLE } from '../tokens/bearer.ts'
import { createAccessTokens, type Proof } from './access-tokens.ts'
import { type OidcConfig, schema } from './config.ts'
import { createFinder, type Who } from './find-who.ts'
import { issuerSource } from './issuer-source.ts'
import { createLogin, type Login } from './login.ts'
import { createOidcRefusals, type OidcRefusals } from './refusals.ts'
import { createSessions, type Sessions } from './sessions.ts'

/*
 * Who asks, by an OpenID provider (https://developer.konghq.com/plugins/openid-connect/):
 *
 * 1. a bearer token, where there is one          access-tokens.ts
 * 2. else the session of a browser               sessions.ts
 * 3. else a browser is sent to log in, and comes back        login.ts
 * 4. what was proven has to meet what the operator asks for  find-who.ts
 */

export const openidConnect: Plugin<OidcConfig> = {
  name: 'openid-connect',
  priority: 1050,
  schema,
  authenticates: true,
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
      field: 'redirect_uri',
      kong: 'every request without credentials is sent to log in',
      here: 'only those of browsers that show a page; others are answered 401',
      why: 'a program that follows a redirect gets a login page as its data',
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
    return { access: accessBy(config, tools, (asked) => authenticate(asked, ways)) }
  },
}

interface Ways {
  readonly config: OidcConfig
  readonly refuse: OidcRefusals
  readonly budget: FailureBudget
  readonly find: (claims: JsonObject) => Who
  readonly tokens: ReturnType<typeof createAccessTokens>
  readonly browser: { readonly sessions: Sessions; readonly login: Login } | undefined
}

function createWays(config: OidcConfig, tools: PluginTools): Ways {
  const timing = { pauseMs: config.rediscovery_lifetime * 1000, timeoutMs: config.timeout }
  const source = issuerSource(config.issuer, tools, timing)
  const refuse = createOidcRefusals(config)
  const budget = tools.shared('openid-connect failures', () =>
    createFailureBudget({ now: () => tools.now() }),
  )
  const parts = { source, tools, refuse }
  const sessions = config.auth_methods.includes('session')
    ? createSessions(config, tools)
    : undefined
  return {
    ...{ config, refuse, budget },
    find: createFinder(config, parts),
    tokens: createAccessTokens(config, parts),
    browser: sessions && { sessions, login: createLogin(config, { ...parts, sessions }) },
  }
}

function authenticate(asked: PluginRequest, ways: Ways): Promise<void> | undefined {
  const [token, ...others] = bearerTokens(asked, 'authorization')
  if (others.length > 0) throw ways.refuse.invalid('more than one token was sent')
  if (token === UNREADABLE) throw ways.refuse.invalid('the token cannot be read')
  return token === undefined ? byBrowser(asked, ways) : byToken(asked, token, ways)
}

function byToken(asked: PluginRequest, token: string, ways: Ways): Promise<void> | undefined {
  const { budget, find, tokens } = ways
  const { address } = asked.client
  const state = ({ claims, person = asked.person }: Proof): void => {
    asked.authenticated({ person, ...find(claims), ...endOf(claims) })
  }
  const failed = (error: unknown): never => {
    if (error instanceof Refusal && error.status === 401) budget.fail(address)
    throw error
  }
  try {
    const known = tokens.recall(token, asked)
    if (known !== undefined) return void state(known)
    budget.admit(address)
    const proof = tokens.check(token, asked)
    return proof instanceof Promise ? proof.then(state).catch(failed) : void state(proof)
  } catch (error) {
    return failed(error)
  }
}

function byBrowser(asked: PluginRequest, { config, browser, find, refuse }: Ways) {
  if (browser === undefined) throw refuse.missing()
  const { sessions, login } = browser
  if (login.isCallback(asked)) return login.finish(asked)
  const session = sessions.find(asked)
  const { logout_uri_suffix: suffix, logout_methods: methods } = config
  const isLogout = suffix !== null && asked.path.endsWith(suffix)
  if (isLogout && methods.some((method) => method === asked.method)) return login.end(asked)
  if (session === undefined) {
    if (login.mayBegin(asked)) return login.begin(asked)
    throw refuse.missing()
  }
  asked.authenticated({ person: asked.person, ...find(session.claims), ...endOf(session.claims) })
  sessions.hide(asked)
  asked.upstream.headers.set('authorization', `Bearer ${session.accessToken}`)
  return undefined
}

/** When what the claims prove is over, where they say so. */
const endOf = ({ exp }: JsonObject): { readonly expiresAt?: number } =>
  typeof exp === 'number' ? { expiresAt: exp } : {}
