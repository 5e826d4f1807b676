import { interactionPolicy, type KoaContextWithOIDC } from 'oidc-provider'
import { SESSION_SECONDS } from '../limits.ts'

/*
 * When a person has to type the password, beyond what OpenID Connect itself asks for:
 *
 * - a client on the person's machine gets no token in silence, because any program there can claim its name
 *   (RFC 8252, section 8.6)
 * - a login grows no older than a session may, however active it is
 * - an account that is gone or closed does not ride on its old session
 *
 * Consent is not asked, see `grants.ts`; a client that requests the prompt gets it answered at once.
 */
export function createPolicy(): interactionPolicy.DefaultPolicy {
  const { Check, base } = interactionPolicy
  const policy = base()
  const justLoggedIn = (ctx: KoaContextWithOIDC): boolean => ctx.oidc.result?.login !== undefined
  const checks = policy.get('login')?.checks
  checks?.add(
    new Check('native_login', 'native clients require a new login', 'login_required', (ctx) =>
      ctx.oidc.client?.applicationType === 'native' && !justLoggedIn(ctx)
        ? Check.REQUEST_PROMPT
        : Check.NO_NEED_TO_PROMPT,
    ),
  )
  checks?.add(
    new Check('session_age', 'the login is too old', 'login_required', (ctx) =>
      ctx.oidc.session?.accountId !== undefined && ctx.oidc.session.past(SESSION_SECONDS)
        ? Check.REQUEST_PROMPT
        : Check.NO_NEED_TO_PROMPT,
    ),
  )
  checks?.add(
    new Check('account_open', 'the account is not open', 'login_required', (ctx) =>
      ctx.oidc.session?.accountId !== undefined && ctx.oidc.account === undefined
        ? Check.REQUEST_PROMPT
        : Check.NO_NEED_TO_PROMPT,
    ),
  )
  const consent = policy.get('consent')?.checks
  for (const { reason } of [...(consent ?? [])]) {
    if (reason !== 'consent_prompt') consent?.remove(reason)
  }
  return policy
}
