import type { Grant, KoaContextWithOIDC } from 'oidc-provider'

/** What a client of the platform may ask about a person: who, and by which name. */
export const SCOPES = ['openid', 'profile'] as const

/**
 * The grant under which a login's tokens are issued. The platform's own clients are first-party, so the
 * person is not asked; there are no other clients that people log in to.
 */
export async function loadGrant(
  ctx: KoaContextWithOIDC,
  resource: string,
): Promise<Grant | undefined> {
  const { client, session, account, provider } = ctx.oidc
  if (client === undefined || session === undefined || account === undefined) return undefined
  const known = session.grantIdFor(client.clientId)
  const existing = known === undefined ? undefined : await provider.Grant.find(known)
  if (existing !== undefined && existing.accountId === account.accountId) {
    // A session that lives on keeps its grants alive with it.
    if ((existing.exp ?? 0) < session.exp) {
      existing.exp = session.exp
      await existing.save()
    }
    return existing
  }
  const grant = new provider.Grant({ clientId: client.clientId, accountId: account.accountId })
  grant.addOIDCScope(SCOPES.join(' '))
  grant.addResourceScope(resource, SCOPES.join(' '))
  await grant.save()
  return grant
}
