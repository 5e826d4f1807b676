import { type Permit, Refusal } from '@countersign/layers'

/** Whose orders a person sees. */
export type Sight = { readonly of: 'all' } | { readonly of: 'own'; readonly personId: string }

const SEE_ALL: readonly string[] = ['admin', 'support']

/** Admin and support see all orders, everybody else their own. Throws Refusal TOKEN_MISSING where there is nobody. */
export function visibleTo({ person }: Permit): Sight {
  if (person === undefined || person.id === '')
    throw new Refusal('TOKEN_MISSING', { rule: 'orders are seen by people' })
  return person.roles.some((role) => SEE_ALL.includes(role))
    ? { of: 'all' }
    : { of: 'own', personId: person.id }
}
