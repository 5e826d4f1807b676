import type { TrustState } from '@countersign/contract/platform'

/**
 * The key of the root that signs now, signed by the root before it; empty where there was none. At the end of a chain it
 * serves clients outside that know only the old root: they cannot be told of a new one.
 */
export function activeCross(
  { roots }: TrustState,
  signers: { active(): { readonly root: string } },
): string {
  const { root } = signers.active()
  return roots.entries.find(({ id }) => id === root)?.cross ?? ''
}
