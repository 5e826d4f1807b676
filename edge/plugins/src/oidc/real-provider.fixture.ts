import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { Provider } from 'oidc-provider'
import { startTlsServer, type TlsServer } from '../testing/tls-server.ts'

/* A real OpenID provider over TLS, at which everybody who asks is logged in as `who`. */

export const REDIRECT = 'https://gate.test/orders/callback'
export const CLIENT = { client_id: ['shop'], client_secret: ['c'.repeat(40)] }

export interface RealProvider extends AsyncDisposable {
  readonly issuer: string
  readonly fetch: TlsServer['fetch']
  /** From the address of a login to the address that leads back. */
  logIn(start: string): Promise<string>
  /** An opaque access token of the client for `orders`. */
  token(scope: string): Promise<string>
  /** Ends what a person has granted: no token of it is good any more. */
  forget(): Promise<void>
  /** How often its introspection was asked. */
  introspections: number
  /** Whom it takes everybody for. */
  who: string
  /** The paths of what it was asked, in their order. */
  readonly asked: string[]
}

export async function startRealProvider(): Promise<RealProvider> {
  const server = await startTlsServer((request, response) => {
    if (request.url?.startsWith('/token/introspection')) running.introspections++
    running.asked.push(request.url?.split('?', 1)[0] ?? '')
    if (request.url?.startsWith('/interaction/') !== true) return callback(request, response)
    const login = { login: { accountId: running.who } }
    return void provider.interactionFinished(request, response, login)
  })
  const grants: string[] = []
  const provider = createProvider(server.origin, grants)
  const callback = provider.callback()
  const running: RealProvider = {
    ...{ issuer: server.origin, fetch: server.fetch, introspections: 0, asked: [] },
    who: 'anna',
    async forget() {
      for (const id of grants.splice(0)) {
        const grant = await provider.Grant.find(id)
        await grant?.destroy()
      }
    },
    logIn: (start) => follow(start, server),
    async token(scope) {
      const basic = Buffer.from(`shop:${CLIENT.client_secret[0]}`).toString('base64')
      const answer = await server.fetch({
        ...{ url: `${server.origin}/token`, method: 'POST' },
        headers: {
          authorization: `Basic ${basic}`,
          'content-type': 'application/x-www-form-urlencoded',
        },
        body: new URLSearchParams({ grant_type: 'client_credentials', scope }).toString(),
      })
      return JSON.parse(answer.body.toString()).access_token
    },
    [Symbol.asyncDispose]: () => Promise.resolve(server[Symbol.asyncDispose]()),
  }
  return running
}

function createProvider(issuer: string, grants: string[]): Provider {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const jwk = { ...privateKey.export({ format: 'jwk' }), kid: 'sig', use: 'sig', alg: 'ES256' }
  return new Provider(issuer, {
    clients: [
      {
        ...{ client_id: 'shop', client_secret: CLIENT.client_secret[0] ?? '' },
        ...{ redirect_uris: [REDIRECT], response_types: ['code'] },
        post_logout_redirect_uris: ['https://gate.test/bye'],
        grant_types: ['authorization_code', 'client_credentials', 'refresh_token'],
        id_token_signed_response_alg: 'ES256',
      },
    ],
    jwks: { keys: [jwk] },
    cookies: { keys: [randomBytes(32).toString('hex')] },
    scopes: ['openid', 'profile', 'read', 'write'],
    claims: { openid: ['sub'], profile: ['name', 'roles', 'nickname'] },
    conformIdTokenClaims: false,
    issueRefreshToken: async () => true,
    rotateRefreshToken: true,
    pkce: { required: () => true },
    interactions: { url: (_, { uid }) => `/interaction/${uid}` },
    findAccount: (_, id) => ({
      accountId: id,
      claims: (use) => ({
        ...{ sub: id, name: 'Anna', roles: ['admin'] },
        // Not everything fits into a token.
        ...(use === 'userinfo' ? { nickname: 'annie' } : {}),
      }),
    }),
    async loadExistingGrant({ oidc }) {
      const { client, session } = oidc
      if (client === undefined || session?.accountId === undefined) return undefined
      const grant = new oidc.provider.Grant({
        ...{ clientId: client.clientId, accountId: session.accountId },
      })
      grant.addOIDCScope('openid profile')
      grants.push(await grant.save())
      return grant
    },
    features: {
      devInteractions: { enabled: false },
      introspection: { enabled: true },
      revocation: { enabled: true },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: (_, client) =>
          client.redirectUris?.length === 0 ? 'urn:none' : 'https://orders.test',
        useGrantedResource: () => false,
        getResourceServerInfo: () => ({
          ...{ scope: 'read write', audience: 'orders', accessTokenFormat: 'opaque' },
        }),
      },
    },
  })
}

/** As much of a browser as a login takes: cookies, and redirects on this server. */
async function follow(start: string, server: TlsServer): Promise<string> {
  const jar = new Map<string, string>()
  let url = start
  for (let hop = 0; hop < 10; hop++) {
    if (!url.startsWith(`${server.origin}/`)) return url
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ')
    const answer = await server.fetch({ url, headers: { accept: 'text/html', cookie } })
    let location: string | undefined
    for (let i = 0; i < answer.headers.length; i += 2) {
      const name = answer.headers[i]?.toLowerCase()
      const value = answer.headers[i + 1] ?? ''
      if (name === 'location') location = value
      const [, key = '', text = ''] =
        (name === 'set-cookie' && /^([^=]+)=([^;]*)/.exec(value)) || []
      if (key !== '') jar.set(key, text)
    }
    if (location === undefined) throw new Error(`${answer.status} ${answer.body.toString()}`)
    url = new URL(location, url).href
  }
  throw new Error('too many redirects')
}
