import type { JsonObject } from '@countersign/ground/jose'
import { isEmpty } from '../support/config.ts'
import type { OidcConfig } from './config.ts'

/*
 * What a token says, and what the operator asks of it. A claim is found by a path of own members; texts in it are
 * one text with spaces (as `scope` is), or a list.
 */

/** The value at a path; `undefined` where there is none. */
export function claimAt(claims: JsonObject, path: readonly string[]): unknown {
  let value: unknown = claims
  for (const name of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined
    value = (value as JsonObject)[name]
  }
  return value
}

export function textsAt(claims: JsonObject, path: readonly string[]): readonly string[] {
  const value = claimAt(claims, path)
  if (typeof value === 'string') return value.split(' ').filter((text) => text !== '')
  return Array.isArray(value) ? value.filter((one) => typeof one === 'string') : []
}

/**
 * Kong's way to ask: one entry of the list is enough; the words of one entry are needed together.
 */
function meets(found: readonly string[], required: readonly string[] | null): boolean {
  if (required === null || required.length === 0) return true
  return required.some((entry) => entry.split(' ').every((word) => found.includes(word)))
}

/** Which requirement of the operator a proven token does not meet; `undefined` where it meets all. */
export function missingIn(claims: JsonObject, config: OidcConfig): string | undefined {
  if (!meets(textsAt(claims, config.scopes_claim), config.scopes_required)) return 'scopes_required'
  if (!meets(textsAt(claims, config.roles_claim), config.roles_required)) return 'roles_required'
  if (!meets(textsAt(claims, config.groups_claim), config.groups_required)) return 'groups_required'
  const forbidden = config.claims_forbidden?.some((name) => Object.hasOwn(claims, name))
  return forbidden === true ? 'claims_forbidden' : undefined
}

/** Whether a token is for this gateway: for one of the audiences that are asked for, or else for its client. */
export function isAudience(claims: JsonObject, config: OidcConfig): boolean {
  const { audience_required: required, client_id: own } = config
  return meets(textsAt(claims, config.audience_claim), isEmpty(required) ? own : required)
}
