import { messageOf } from '@countersign/ground/errors'
import { parseJsonObject } from '@countersign/ground/jose'
import type { PluginRequest, PluginTools } from '@countersign/kong'
import * as client from 'openid-client'
import { cookieValues } from '../support/cookies.ts'
import { createSealedBox } from '../support/sealed-box.ts'
import type { OidcConfig } from './config.ts'
import type { IssuerSource, IssuerState } from './issuer-source.ts'
import { providerFetch } from './provider-fetch.ts'
import type { OidcRefusals } from './refusals.ts'
import { boundTo, type Session, type Sessions, setCookie } from './sessions.ts'

/*
 * The authorization code flow (OpenID Connect Core 1.0 section 3.1, RFC 9700 section 2.1), by `openid-client`:
 *
 * - `state`, `nonce` and the PKCE verifier are new for each login, and wait in a sealed cookie of this browser
 * - the answer counts in that browser only, once its cookie is there, for `authorization_rolling_timeout`
 * - the ID token is verified with its signature; `iss` of the answer is looked at where the issuer sends it (RFC 9207)
 * - the browser goes on to a path of this gateway, never to an address that somebody else has named
 */
interface Attempt {
  readonly state: string
  readonly nonce: string
  readonly verifier: string
  /** Path and query of what was asked for. */
  readonly target: string
  /** Milliseconds since 1970. */
  readonly until: number
}

export interface Login {
  isCallback(asked: PluginRequest): boolean
  /** Whether who asks is a browser that shows a page: others are told 401. */
  mayBegin(asked: PluginRequest): boolean
  begin(asked: PluginRequest): Promise<void>
  finish(asked: PluginRequest): Promise<void>
  /** Ends the session here, and at the issuer where that has a place for it. */
  end(asked: PluginRequest): Promise<void>
}

interface Parts {
  readonly source: IssuerSource
  readonly sessions: Sessions
  readonly tools: PluginTools
  readonly refuse: OidcRefusals
}

export function createLogin(config: OidcConfig, { source, sessions, tools, refuse }: Parts): Login {
  const [redirectUri = ''] = config.redirect_uri ?? []
  const callback = new URL(redirectUri)
  const box = createSealedBox(
    config.session_secret ?? '',
    JSON.stringify(['authorization', ...boundTo(config)]),
  )
  const cookie = config.authorization_cookie_name
  const clientAt = createClient(config, tools)
  const stateNow = async (): Promise<IssuerState> => {
    if (source.current() === undefined) await source.refreshed()
    const state = source.current()
    if (state === undefined) throw refuse.unavailable('nothing is known of the issuer')
    return state
  }
  const takeAttempt = (asked: PluginRequest): Attempt => {
    const [sealed, ...others] = cookieValues(asked, cookie)
    const plain = sealed === undefined || others.length > 0 ? undefined : box.open(sealed)
    // Only this plugin seals: what opens is what it has written.
    const attempt = plain === undefined ? undefined : (JSON.parse(plain) as Attempt)
    if (attempt === undefined || !(tools.now() < attempt.until))
      throw refuse.invalid('the login was not begun in this browser, or too long ago')
    return attempt
  }

  return {
    isCallback: ({ method, path, host, query }) =>
      method === 'GET' &&
      path === callback.pathname &&
      host === callback.hostname &&
      /(?:^|&)(?:code|error)=/.test(query),
    mayBegin: (asked) =>
      (asked.method === 'GET' || asked.method === 'HEAD') &&
      asked.header('accept')?.includes('text/html') === true &&
      asked.header('authorization') === undefined,

    async begin(asked) {
      const state = await stateNow()
      const attempt: Attempt = {
        ...{ state: client.randomState(), nonce: client.randomNonce() },
        ...{ verifier: client.randomPKCECodeVerifier(), target: targetOf(asked) },
        until: tools.now() + config.authorization_rolling_timeout * 1000,
      }
      const url = client.buildAuthorizationUrl(clientAt(state), {
        ...{ redirect_uri: redirectUri, scope: config.scopes.join(' ') },
        ...{ state: attempt.state, nonce: attempt.nonce, code_challenge_method: 'S256' },
        code_challenge: await client.calculatePKCECodeChallenge(attempt.verifier),
        ...(config.audience === null ? {} : { audience: config.audience.join(' ') }),
      })
      // Lax, whatever the session has: the browser comes back from another site.
      const how = { ...config, session_cookie_same_site: 'Lax' } as const
      const sealed = setCookie(cookie, box.seal(JSON.stringify(attempt)), how)
      asked.answer(redirect(url.href, ['set-cookie', sealed]))
    },

    async finish(asked) {
      const attempt = takeAttempt(asked)
      const state = await stateNow()
      const tokens = await client
        .authorizationCodeGrant(clientAt(state), new URL(`${redirectUri}?${asked.query}`), {
          ...{ pkceCodeVerifier: attempt.verifier, expectedState: attempt.state },
          ...{ expectedNonce: attempt.nonce, idTokenExpected: true },
        })
        .catch((error: unknown) => {
          throw refuse.invalid(`the login did not succeed: ${messageOf(error)}`)
        })
      const payload = tokens.id_token?.split('.')[1] ?? ''
      const claims = parseJsonObject(Buffer.from(payload, 'base64url'))
      if (claims === undefined) throw refuse.invalid('the ID token is not one plain JSON object')
      const now = tools.now()
      const scope = tokens.scope ?? config.scopes.join(' ')
      const session: Session = {
        ...{ claims: { scope, ...claims }, accessToken: tokens.access_token },
        ...{ startedAt: now, seenAt: now },
      }
      if (!sessions.write(asked, session))
        throw refuse.invalid('the tokens of the issuer are too long for cookies')
      asked.answerHeaders.add('set-cookie', setCookie(cookie, undefined, config))
      asked.answer(redirect(attempt.target))
    },

    async end(asked) {
      sessions.clear(asked)
      if (source.current() === undefined) await source.refreshed()
      const [wanted] = config.logout_redirect_uri ?? []
      const endSession = source.current()?.metadata.endSessionEndpoint
      if (endSession === undefined) {
        if (wanted !== undefined) asked.answer(redirect(wanted))
        else asked.answer({ status: 200, headers: JSON_TYPE, body: '{"message":"Logged out"}' })
        return
      }
      const url = new URL(endSession)
      url.searchParams.set('client_id', config.client_id?.[0] ?? '')
      if (wanted !== undefined) url.searchParams.set('post_logout_redirect_uri', wanted)
      asked.answer(redirect(url.href))
    },
  }
}

const JSON_TYPE = ['content-type', 'application/json; charset=utf-8']

const redirect = (location: string, headers: readonly string[] = []) => ({
  status: 302,
  headers: ['location', location, 'cache-control', 'no-store', ...headers],
  body: '',
})

/** The canonical path begins with one slash: with two it would be another host. */
function targetOf({ path, query }: PluginRequest): string {
  const local = `/${path.replace(/^[/\\]+/, '')}`
  return query === '' ? local : `${local}?${query}`
}

/** The client for what is known of the issuer; made anew when that changes. */
function createClient(config: OidcConfig, tools: PluginTools) {
  const made = new WeakMap<IssuerState, client.Configuration>()
  return (state: IssuerState): client.Configuration => {
    const before = made.get(state)
    if (before !== undefined) return before
    const [id = ''] = config.client_id ?? []
    const [secret] = config.client_secret ?? []
    const configured = new client.Configuration(
      // It came as JSON, and its issuer and places have been looked at.
      state.metadata.raw as client.ServerMetadata,
      id,
      {},
      authOf(config, secret),
    )
    configured.timeout = config.timeout / 1000
    configured[client.customFetch] = providerFetch(tools, config.timeout)
    client.enableNonRepudiationChecks(configured)
    made.set(state, configured)
    return configured
  }
}

function authOf({ client_auth }: OidcConfig, secret: string | undefined): client.ClientAuth {
  const method = client_auth?.[0] ?? (secret === undefined ? 'none' : 'client_secret_basic')
  if (method === 'client_secret_basic') return client.ClientSecretBasic(secret)
  return method === 'client_secret_post' ? client.ClientSecretPost(secret) : client.None()
}
