import type { ClientMetadata } from 'oidc-provider'

export const CLI_CLIENT = 'countersign-cli'
export const CONSOLE_CLIENT = 'console'

/** RFC 8252 7.3: registered without a port, any port of the loopback is taken. */
export const CLI_REDIRECT = 'http://127.0.0.1/callback'

const publicClient = {
  token_endpoint_auth_method: 'none',
  grant_types: ['authorization_code', 'refresh_token'],
  response_types: ['code'],
  scope: 'openid profile',
} as const

/** The platform's own clients: public, so PKCE is what ties a code to who asked for it. */
export function builtInClients(issuer: string): ClientMetadata[] {
  const { origin } = new URL(issuer)
  return [
    {
      ...publicClient,
      client_id: CLI_CLIENT,
      client_name: 'countersign on the command line',
      application_type: 'native',
      redirect_uris: [CLI_REDIRECT],
    },
    {
      ...publicClient,
      client_id: CONSOLE_CLIENT,
      client_name: 'countersign console',
      application_type: 'web',
      redirect_uris: [`${origin}/console/callback`],
      post_logout_redirect_uris: [`${origin}/console/`],
    },
  ]
}
