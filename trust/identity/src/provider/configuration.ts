import { type Account, type Configuration, errors, type KoaContextWithOIDC } from 'oidc-provider'
import { builtInClients } from '../clients/built-in.ts'
import { createWorkloadClients } from '../clients/workload-clients.ts'
import { type KeyRing, keysOf } from '../domain/key-ring.ts'
import type { Doors } from '../door.ts'
import {
  CLOCK_TOLERANCE_SECONDS,
  CODE_SECONDS,
  INTERACTION_SECONDS,
  SESSION_SECONDS,
} from '../limits.ts'
import { errorPage, loggedOutPage, logoutPage } from '../login/pages.ts'
import type { People, Person } from '../people/people.ts'
import { loadGrant, SCOPES } from './grants.ts'
import { createMutualTls } from './mutual-tls.ts'
import { createPolicy } from './policy.ts'

export interface ProviderParts {
  readonly issuer: string
  readonly audience: string
  readonly trustDomain: string
  readonly accessTokenSeconds: number
  readonly cookieKey: string
  readonly store: Exclude<Configuration['adapter'], undefined>
  readonly people: People
  readonly doors: Doors
}

/** An account as the provider passes it around, with the person of this moment in it. */
export interface KnownAccount extends Account {
  readonly person: Person
}

/** Below the mount path. `authorize`, because a path that repeats the mount path would be ambiguous. */
const routes = { authorization: '/authorize', end_session: '/logout', revocation: '/revoke' }
export const LOGIN_PATH = '/login/'

/**
 * All that the provider is told. What it could do beyond this - implicit, password and device grants,
 * registration, introspection, userinfo - is off.
 */
export function createConfiguration(parts: ProviderParts, ring: KeyRing): Configuration {
  const { doors, people, issuer, accessTokenSeconds } = parts
  const { pathname } = new URL(issuer)
  const resource = new URL(issuer).origin
  const workloads = createWorkloadClients(parts.trustDomain)
  const store = parts.store as (model: string) => ReturnType<typeof createWorkloadClients>

  return {
    adapter: (model: string) => (model === 'Client' ? workloads : store(model)),
    jwks: { keys: keysOf(ring).map(({ kid, jwk }) => ({ ...jwk, kid, alg: 'ES256', use: 'sig' })) },
    clients: builtInClients(issuer),
    clientDefaults: { id_token_signed_response_alg: 'ES256' },
    clientAuthMethods: ['none', 'tls_client_auth'],
    enabledJWA: { idTokenSigningAlgValues: ['ES256'] },
    responseTypes: ['code'],
    scopes: [...SCOPES],
    claims: { openid: ['sub'], profile: ['preferred_username', 'roles'] },
    routes,
    pkce: { required: () => true },
    allowOmittingSingleRegisteredRedirectUri: false,
    clockTolerance: CLOCK_TOLERANCE_SECONDS,
    cookies: cookies(pathname, parts.cookieKey),
    features: {
      devInteractions: { enabled: false },
      userinfo: { enabled: false },
      dPoP: { enabled: false },
      pushedAuthorizationRequests: { enabled: false },
      clientCredentials: { enabled: true },
      // A client may end its own tokens; of others it learns nothing (RFC 7009, section 2.1).
      revocation: {
        enabled: true,
        allowedPolicy: (_ctx, client, token) => token.clientId === client.clientId,
      },
      mTLS: createMutualTls(doors),
      resourceIndicators: resourceIndicators(parts, resource, ring.current.kid),
      rpInitiatedLogout: {
        enabled: true,
        logoutSource: (ctx, form) => show(ctx, logoutPage(form)),
        postLogoutSuccessSource: (ctx) => show(ctx, loggedOutPage()),
      },
    },
    ttl: ttl(accessTokenSeconds),
    interactions: {
      policy: createPolicy(),
      url: (_ctx, interaction) => `${pathname}${LOGIN_PATH}${interaction.uid}`,
    },
    findAccount: (ctx, sub) => findAccount(people, doors, ctx, sub),
    loadExistingGrant: (ctx) => loadGrant(ctx, resource),
    issueRefreshToken: (_ctx, client) => client.grantTypeAllowed('refresh_token'),
    // Tokens of a login end with its session: after a logout no refresh token works.
    expiresWithSession: () => true,
    rotateRefreshToken: () => true,
    revokeGrantPolicy: () => true,
    extraTokenClaims,
    clientBasedCORS: () => false,
    renderError: (ctx, out) => renderError(ctx, out, doors.of(ctx.req).requestId),
    fetch: () => Promise.reject(new Error('the provider fetches nothing')),
  }
}

function cookies(path: string, key: string): NonNullable<Configuration['cookies']> {
  const common = { httpOnly: true, sameSite: 'lax', secure: true, signed: true } as const
  return {
    keys: [key],
    names: {
      session: '__Secure-countersign-session',
      interaction: '__Secure-countersign-login',
      resume: '__Secure-countersign-resume',
    },
    // The session's cookie goes to the provider alone, never to the services behind the same door.
    long: { ...common, path },
    short: common,
  }
}

type ResourceIndicators = NonNullable<NonNullable<Configuration['features']>['resourceIndicators']>
/** Every access token is for the platform: one resource, an RFC 9068 token with its audience. */
function resourceIndicators(
  { audience, accessTokenSeconds }: ProviderParts,
  resource: string,
  kid: string,
): ResourceIndicators {
  return {
    enabled: true,
    defaultResource: () => resource,
    useGrantedResource: () => true,
    getResourceServerInfo(_ctx, indicator) {
      if (indicator !== resource) throw new errors.InvalidTarget()
      return {
        scope: SCOPES.join(' '),
        audience,
        accessTokenTTL: accessTokenSeconds,
        accessTokenFormat: 'jwt',
        jwt: { sign: { alg: 'ES256', kid } },
      }
    },
  }
}

function ttl(accessTokenSeconds: number): NonNullable<Configuration['ttl']> {
  return {
    AccessToken: accessTokenSeconds,
    ClientCredentials: accessTokenSeconds,
    IdToken: accessTokenSeconds,
    AuthorizationCode: CODE_SECONDS,
    Interaction: INTERACTION_SECONDS,
    Session: SESSION_SECONDS,
    Grant: SESSION_SECONDS,
    // A family of refresh tokens does not outlive its first member, however often it is refreshed.
    RefreshToken: (ctx) => ctx.oidc?.entities.RotatedRefreshToken?.remainingTTL ?? SESSION_SECONDS,
  }
}

async function findAccount(
  people: People,
  doors: Doors,
  ctx: KoaContextWithOIDC,
  sub: string,
): Promise<KnownAccount | undefined> {
  const person = await people.find(sub, doors.of(ctx.req).people).catch((cause: unknown) => {
    // Nobody can tell who that is: no token for now, which is not the same as never.
    throw Object.assign(new errors.OIDCProviderError(503, 'temporarily_unavailable'), { cause })
  })
  if (person === undefined) return undefined
  const claims = { sub, preferred_username: person.username, roles: [...person.roles] }
  return { accountId: sub, person, claims: () => claims }
}

/**
 * RFC 9068 2.2.3.1. Roles of the moment at which the token is made; a workload has none of its own. `role` is the first
 * of them, for services that look for one.
 */
const extraTokenClaims: NonNullable<Configuration['extraTokenClaims']> = (ctx) => {
  const account = ctx.oidc.account as KnownAccount | undefined
  if (account === undefined) return { roles: [] }
  const { person } = account
  const [role] = person.roles
  return {
    roles: [...person.roles],
    ...(role === undefined ? {} : { role }),
    preferred_username: person.username,
  }
}

function renderError(
  ctx: KoaContextWithOIDC,
  out: { error: string; error_description?: string | undefined },
  requestId: string,
): void {
  const text = out.error_description ?? 'The request cannot be answered.'
  show(ctx, errorPage({ title: 'This does not work', code: out.error, text, requestId }))
}

function show(ctx: KoaContextWithOIDC, html: string): void {
  ctx.type = 'html'
  ctx.body = html
}
