import type { PluginTools } from '@countersign/kong'
import * as client from 'openid-client'
import type { OidcConfig } from './config.ts'
import type { IssuerSource, IssuerState } from './issuer-source.ts'
import { providerFetch } from './provider-fetch.ts'
import type { OidcRefusals } from './refusals.ts'

export interface Parts {
  readonly source: IssuerSource
  readonly tools: PluginTools
  readonly refuse: OidcRefusals
}

/** The issuer as its client sees it: rejects with `Refusal` as long as nothing is known of it. */
export interface ProviderClient {
  /** For the calls of `openid-client`: bounded in time and size, guarded, signatures verified. */
  configuration(): Promise<client.Configuration>
}

export function createProviderClient(config: OidcConfig, parts: Parts): ProviderClient {
  const { source, tools, refuse } = parts
  const made = new WeakMap<IssuerState, client.Configuration>()
  return {
    async configuration() {
      if (source.current() === undefined) await source.refreshed()
      const state = source.current()
      if (state === undefined) throw refuse.unavailable('nothing is known of the issuer')
      // Made anew when what is known of it changes.
      const configured = made.get(state) ?? configure(config, state, tools)
      made.set(state, configured)
      return configured
    },
  }
}

function configure(config: OidcConfig, { metadata }: IssuerState, tools: PluginTools) {
  const [id = ''] = config.client_id ?? []
  const [secret] = config.client_secret ?? []
  const configured = new client.Configuration(
    // It came as JSON, and its issuer and places have been looked at.
    {
      ...{ ...metadata.raw, end_session_endpoint: metadata.endSessionEndpoint },
      ...placesOf(config),
    } as client.ServerMetadata,
    id,
    { [client.clockTolerance]: config.leeway },
    authOf(config, secret),
  )
  configured.timeout = config.timeout / 1000
  configured[client.customFetch] = providerFetch(tools, config.timeout)
  client.enableNonRepudiationChecks(configured)
  return configured
}

/** What the operator says goes before what the issuer says of itself. */
function placesOf(config: OidcConfig): Record<string, string> {
  const named = {
    authorization_endpoint: config.authorization_endpoint,
    token_endpoint: config.token_endpoint,
    userinfo_endpoint: config.userinfo_endpoint,
    revocation_endpoint: config.revocation_endpoint,
    end_session_endpoint: config.end_session_endpoint,
  }
  const set = Object.entries(named).filter((entry): entry is [string, string] => entry[1] !== null)
  return Object.fromEntries(set)
}

function authOf({ client_auth }: OidcConfig, secret: string | undefined): client.ClientAuth {
  const method = client_auth?.[0] ?? (secret === undefined ? 'none' : 'client_secret_basic')
  if (method === 'client_secret_basic') return client.ClientSecretBasic(secret)
  return method === 'client_secret_post' ? client.ClientSecretPost(secret) : client.None()
}
