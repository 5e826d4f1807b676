import { messageOf } from '@countersign/ground/errors'
import type { PluginRequest } from '@countersign/kong'
import * as client from 'openid-client'
import { cookieValues } from '../support/cookies.ts'
import { createSealedBox } from '../support/sealed-box.ts'
import type { OidcConfig } from './config.ts'
import type { Parts, ProviderClient } from './provider.ts'
import { redirect } from './redirect.ts'
import { sessionOf } from './session.ts'
import { boundTo, type Sessions, setCookie } from './sessions.ts'

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
}

export function createLogin(
  config: OidcConfig,
  parts: Parts & { readonly provider: ProviderClient; readonly sessions: Sessions },
): Login {
  const { sessions, tools, refuse, provider } = parts
  const [redirectUri = ''] = config.redirect_uri ?? []
  const callback = new URL(redirectUri)
  const box = createSealedBox(
    config.session_secret ?? '',
    JSON.stringify(['authorization', ...boundTo(config)]),
  )
  const cookie = config.authorization_cookie_name
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
      const configured = await provider.configuration()
      const attempt: Attempt = {
        ...{ state: client.randomState(), nonce: client.randomNonce() },
        ...{ verifier: client.randomPKCECodeVerifier(), target: targetOf(asked) },
        until: tools.now() + config.authorization_rolling_timeout * 1000,
      }
      const url = client.buildAuthorizationUrl(configured, {
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
      const configured = await provider.configuration()
      const tokens = await client
        .authorizationCodeGrant(configured, new URL(`${redirectUri}?${asked.query}`), {
          ...{ pkceCodeVerifier: attempt.verifier, expectedState: attempt.state },
          ...{ expectedNonce: attempt.nonce, idTokenExpected: true },
        })
        .catch((error: unknown) => {
          throw refuse.invalid(`the login did not succeed: ${messageOf(error)}`)
        })
      const scope = config.scopes.join(' ')
      const session = sessionOf(tokens, { now: tools.now(), scope })
      if (session === undefined) throw refuse.invalid('the ID token is not one plain JSON object')
      if (!sessions.write(asked, session))
        throw refuse.invalid('the tokens of the issuer are too long for cookies')
      asked.answerHeaders.add('set-cookie', setCookie(cookie, undefined, config))
      asked.answer(redirect(attempt.target))
    },
  }
}

/** The canonical path begins with one slash: with two it would be another host. */
function targetOf({ path, query }: PluginRequest): string {
  const local = `/${path.replace(/^[/\\]+/, '')}`
  return query === '' ? local : `${local}?${query}`
}
