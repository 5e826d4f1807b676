import { baseOf } from './identifier.ts'

/*
 * Which names may be issued for at all, whatever is proven:
 *
 * - never one that stands for this machine or for a workload: `localhost`, the trust domain, the public door's names
 * - a name of one label only where the operator lists it: inside a network anybody can answer to it
 * - where the operator has listed names, only those and what is below them
 * - where the key of the account lists names, only those and what is below them
 */
export interface NamePolicy {
  /** Empty: every name that can be proven. */
  readonly allowed: readonly string[]
  readonly reserved: readonly string[]
}

/** Why there is no certificate for this canonical name; `undefined` where there can be one. */
export function nameRefusal(
  name: string,
  policy: NamePolicy,
  ofAccount: readonly string[] | undefined,
): string | undefined {
  const base = baseOf(name)
  const listed = (names: readonly string[]) => names.some((suffix) => isAtOrBelow(base, suffix))
  if (listed(policy.reserved)) return 'the name is reserved'
  const named = listed(policy.allowed) || listed(ofAccount ?? [])
  if (!base.includes('.') && !named) return 'a name of one label has to be listed by the operator'
  if (policy.allowed.length > 0 && !listed(policy.allowed))
    return 'the name is not among those that the operator lists'
  if (ofAccount !== undefined && !listed(ofAccount)) return 'the account is not for this name'
  return undefined
}

function isAtOrBelow(name: string, suffix: string): boolean {
  return name === suffix || name.endsWith(`.${suffix}`)
}
