import * as client from 'openid-client'
import { CLI_CLIENT } from '../clients/built-in.ts'
import type { Browser } from './browser.ts'
import type { Harness } from './harness.ts'

export const CLI_CALLBACK = 'http://127.0.0.1:45678/callback'

/** An unmodified relying party for one of the public clients. */
export async function discover(
  harness: Harness,
  clientId: string = CLI_CLIENT,
): Promise<client.Configuration> {
  return client.discovery(new URL(harness.issuer), clientId, undefined, client.None(), {
    [client.customFetch]: harness.fetchAs() as never,
  })
}

/** An authorization request, with what is needed to exchange its code. */
export async function startFlow(
  config: client.Configuration,
  redirectUri: string = CLI_CALLBACK,
  more: Record<string, string> = {},
) {
  const verifier = client.randomPKCECodeVerifier()
  const nonce = client.randomNonce()
  const state = client.randomState()
  const start = client.buildAuthorizationUrl(config, {
    redirect_uri: redirectUri,
    scope: 'openid profile',
    code_challenge: await client.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    ...{ nonce, state, ...more },
  }).href
  const exchange = (callback: URL) =>
    client.authorizationCodeGrant(config, callback, {
      pkceCodeVerifier: verifier,
      expectedNonce: nonce,
      expectedState: state,
      idTokenExpected: true,
    })
  return { start, verifier, exchange }
}

/** The whole way from the authorization request to tokens, as a person with a browser goes it. */
export async function codeFlow(
  config: client.Configuration,
  browser: Browser,
  who: { username: string; password: string },
  { redirectUri = CLI_CALLBACK, more = {} }: { redirectUri?: string; more?: object } = {},
) {
  const { start, verifier, exchange } = await startFlow(config, redirectUri, { ...more })
  const callback = new URL((await browser.logIn(start, who)).url)
  return { callback, verifier, exchange: () => exchange(callback) }
}
