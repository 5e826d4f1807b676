import type { JsonObject } from '@countersign/ground/jose'
import type { PluginRequest } from '@countersign/kong'
import type { OidcConfig } from './config.ts'

/** What is told to the service of who asks. */
export interface Told {
  readonly claims: JsonObject
  readonly userInfo: JsonObject | undefined
  readonly idToken: string | undefined
}

/**
 * Headers that tell the service who asks. Texts that a header can carry go as they are, everything else as JSON in base64.
 * What a client sends under these names never reaches the service, whoever lets the request pass.
 */
export function createUpstreamHeaders(config: OidcConfig) {
  const { upstream_user_info_header: info, upstream_id_token_header: id } = config
  const claims = config.upstream_headers_claims ?? []
  const names = config.upstream_headers_names ?? []
  const all = [info, id, ...names].filter((name) => name !== null)
  return {
    strip({ upstream }: PluginRequest): void {
      for (const name of all) upstream.headers.remove(name)
    },
    tell({ upstream }: PluginRequest, told: Told): void {
      if (info !== null && told.userInfo !== undefined)
        upstream.headers.set(info, inBase64(told.userInfo))
      if (id !== null && told.idToken !== undefined) upstream.headers.set(id, told.idToken)
      claims.forEach((claim, i) => {
        const value = Object.hasOwn(told.claims, claim) ? told.claims[claim] : undefined
        const text = value === undefined ? undefined : textOf(value)
        if (text !== undefined) upstream.headers.set(names[i] ?? '', text)
      })
    },
  }
}

function textOf(value: unknown): string {
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  return typeof value === 'string' && PLAIN.test(value) ? value : inBase64(value)
}
const PLAIN = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/
const inBase64 = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64')
