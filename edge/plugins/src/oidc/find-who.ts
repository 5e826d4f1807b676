import type { JsonObject } from '@countersign/ground/jose'
import type { Consumer, Directory, PluginRequest, PluginTools } from '@countersign/kong'
import { claimAt, missingIn, textsAt } from './claims.ts'
import type { OidcConfig } from './config.ts'
import type { OidcRefusals } from './refusals.ts'

export type Who = Parameters<PluginRequest['authenticated']>[0]

/**
 * Who proven claims are of. Somebody of another issuer is never a person of our own provider: they are a consumer, or
 * groups and an id for limits. Throws `Refusal` where the claims are not enough.
 */
export function createFinder(
  config: OidcConfig,
  { tools, refuse }: { tools: PluginTools; refuse: OidcRefusals },
) {
  return (claims: JsonObject): Who => {
    const missing = missingIn(claims, config)
    if (missing !== undefined) throw refuse.forbidden(`the token does not meet ${missing}`)
    const groups =
      config.authenticated_groups_claim === null
        ? []
        : textsAt(claims, config.authenticated_groups_claim)
    const credential = claimAt(claims, config.credential_claim)
    const consumer = findConsumer(claims, config, tools.directory)
    if (consumer === undefined && config.consumer_claim !== null && !config.consumer_optional)
      throw refuse.forbidden('the token stands for no consumer')
    // The same text of two issuers is two people.
    const credentialId =
      typeof credential === 'string' && credential !== ''
        ? `${config.issuer}#${credential}`
        : undefined
    if (credentialId === undefined && consumer === undefined)
      throw refuse.invalid('the token does not say whose it is')
    return { consumer, credentialId, groups }
  }
}

function findConsumer(
  claims: JsonObject,
  { consumer_claim: path, consumer_by: by }: OidcConfig,
  directory: Directory,
): Consumer | undefined {
  const name = path === null ? undefined : claimAt(claims, path)
  if (typeof name !== 'string' || name === '') return undefined
  const found = directory.consumer(name)
  if (by.includes('id') && found?.id === name) return found
  if (by.includes('username') && found?.username === name) return found
  return by.includes('custom_id') ? directory.consumerByCustomId(name) : undefined
}
