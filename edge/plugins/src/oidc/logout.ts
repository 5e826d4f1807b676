import { messageOf } from '@countersign/ground/errors'
import type { PluginRequest } from '@countersign/kong'
import * as client from 'openid-client'
import type { OidcConfig } from './config.ts'
import type { Parts, ProviderClient } from './provider.ts'
import { redirect } from './redirect.ts'
import type { Session } from './session.ts'
import type { Sessions } from './sessions.ts'

export interface Logout {
  isAsked(asked: PluginRequest): boolean
  /** Ends the session here, and at the issuer where that has a place for it. */
  end(asked: PluginRequest, session: Session | undefined): Promise<void>
}

/*
 * The end of a session: its cookie goes, its tokens are taken back where `logout_revoke` says so (RFC 7009), and the
 * browser goes on to the issuer to end the session there (OpenID Connect RP-Initiated Logout 1.0), which leads it to
 * `logout_redirect_uri`. Whatever the issuer does, the session here is over.
 */
export function createLogout(
  config: OidcConfig,
  parts: Parts & { readonly provider: ProviderClient; readonly sessions: Sessions },
): Logout {
  const { logout_uri_suffix: suffix, logout_methods: methods } = config
  return {
    isAsked: ({ path, method }) =>
      suffix !== null && path.endsWith(suffix) && methods.some((each) => each === method),
    async end(asked, session) {
      parts.sessions.clear(asked)
      const configured = await parts.provider.configuration().catch(() => undefined)
      if (configured !== undefined && session !== undefined && config.logout_revoke)
        await revoke(session, configured, config, parts)
      asked.answer(goodbye(config, configured, session))
    },
  }
}

function goodbye(
  config: OidcConfig,
  configured: client.Configuration | undefined,
  session: Session | undefined,
) {
  const [wanted] = config.logout_redirect_uri ?? []
  if (configured?.serverMetadata().end_session_endpoint !== undefined) {
    const url = client.buildEndSessionUrl(configured, {
      ...(session === undefined ? {} : { id_token_hint: session.idToken }),
      ...(wanted === undefined ? {} : { post_logout_redirect_uri: wanted }),
    })
    return redirect(url.href)
  }
  if (wanted !== undefined) return redirect(wanted)
  return { status: 200, headers: JSON_TYPE, body: '{"message":"Logged out"}' }
}

async function revoke(
  session: Session,
  configured: client.Configuration,
  config: OidcConfig,
  { tools }: Parts,
): Promise<void> {
  if (configured.serverMetadata().revocation_endpoint === undefined) return
  const { refreshToken, accessToken } = session
  const tokens: [string, string][] = []
  if (config.logout_revoke_refresh_token && refreshToken !== undefined)
    tokens.push([refreshToken, 'refresh_token'])
  if (config.logout_revoke_access_token) tokens.push([accessToken, 'access_token'])
  // The refresh token first: no new access token comes of it then.
  for (const [token, hint] of tokens)
    await client.tokenRevocation(configured, token, { token_type_hint: hint }).catch((error) => {
      const reason = messageOf(error)
      tools.log.warn({ issuer: config.issuer, hint, reason }, 'a token was not taken back')
    })
}

const JSON_TYPE = ['content-type', 'application/json; charset=utf-8']
