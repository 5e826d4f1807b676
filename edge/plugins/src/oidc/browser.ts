import type { PluginRequest } from '@countersign/kong'
import type { Proof } from './access-tokens.ts'
import type { OidcConfig } from './config.ts'
import { createLogin } from './login.ts'
import { createLogout } from './logout.ts'
import type { Parts, ProviderClient } from './provider.ts'
import { createRenewal } from './renewal.ts'
import type { Session } from './session.ts'
import { createSessions } from './sessions.ts'

/** What was proven, and with which token. */
export interface Proven extends Proof {
  readonly accessToken: string
  readonly idToken?: string
  /** Seconds since 1970. */
  readonly expiresAt?: number
}

/**
 * Who a browser's session says that it is. Where the request was answered in place of the service (a login, its end, a
 * logout) it resolves with nothing. Throws `Refusal`, or rejects with it.
 */
export function createBrowser(
  config: OidcConfig,
  common: Parts & { readonly provider: ProviderClient },
) {
  const sessions = createSessions(config, common.tools)
  const parts = { ...common, sessions }
  const login = createLogin(config, parts)
  const logout = createLogout(config, parts)
  const renewal = createRenewal(config, parts)

  const begin = (asked: PluginRequest): Promise<undefined> => {
    if (login.mayBegin(asked)) return login.begin(asked).then(() => undefined)
    throw common.refuse.missing()
  }
  const enter = (asked: PluginRequest, { claims, accessToken, ...session }: Session): Proven => {
    sessions.hide(asked)
    asked.upstream.headers.set('authorization', `Bearer ${accessToken}`)
    const expiresAt = Math.floor(session.expiresAt / 1000)
    return { claims, accessToken, idToken: session.idToken, expiresAt }
  }
  const renew = async (asked: PluginRequest, session: Session): Promise<Proven | undefined> => {
    const next = await renewal.renew(session)
    if (next === undefined) return begin(asked)
    if (next === session) sessions.touch(asked, session)
    else if (!sessions.write(asked, next))
      throw common.refuse.invalid('the tokens of the issuer are too long for cookies')
    return enter(asked, next)
  }
  return (asked: PluginRequest): Proven | Promise<Proven | undefined> => {
    if (login.isCallback(asked)) return login.finish(asked).then(() => undefined)
    const session = sessions.find(asked)
    if (logout.isAsked(asked)) return logout.end(asked, session).then(() => undefined)
    if (session === undefined) return begin(asked)
    if (renewal.isDue(session)) return renew(asked, session)
    sessions.touch(asked, session)
    return enter(asked, session)
  }
}
