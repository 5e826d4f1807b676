import * as client from 'openid-client'
import { CLI_CLIENT } from '../clients/built-in.ts'
import type { createBrowser } from './browser.ts'
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

/** The whole way from the authorization request to tokens, as a person with a browser goes it. */
export async function codeFlow(
  config: client.Configuration,
  browser: ReturnType<typeof createBrowser>,
  who: { username: string; password: string },
  redirectUri: string = CLI_CALLBACK,
) {
  const verifier = client.randomPKCECodeVerifier()
  const nonce = client.randomNonce()
  const state = client.randomState()
  const start = client.buildAuthorizationUrl(config, {
    redirect_uri: redirectUri,
    scope: 'openid profile',
    code_challenge: await client.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    ...{ nonce, state },
  })
  const callback = new URL(await browser.logIn(start.href, who))
  const exchange = () =>
    client.authorizationCodeGrant(config, callback, {
      pkceCodeVerifier: verifier,
      expectedNonce: nonce,
      expectedState: state,
      idTokenExpected: true,
    })
  return { callback, verifier, exchange }
}
