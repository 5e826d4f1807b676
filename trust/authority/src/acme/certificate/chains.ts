import type { TrustState } from '@countersign/contract/platform'
import { malformed } from '../problem.ts'

/*
 * The chains that a certificate comes with (RFC 8555, 7.4.2). The first is the leaf with its intermediate: who trusts
 * our root needs no more. The other one has the root's certificate behind it: while the root is new, the one that the
 * root before it has signed, for clients that know only that one.
 */

/** The intermediate with this key id, PEM. Throws `AcmeProblem` where it is not known. */
export function intermediatePem(state: TrustState, id: string): string {
  const found = intermediateOf(state, id)
  if (found === undefined) throw malformed('the issuer of the certificate is not known any more')
  return ensureLine(found.certificate)
}

/** The other chain; `undefined` where the root is trusted no more. */
export function alternateChain(
  state: TrustState,
  { chain, issuer }: { chain: string; issuer: string },
): string | undefined {
  const rootId = intermediateOf(state, issuer)?.root
  const root = state.roots.entries.find(({ id }) => id === rootId)
  return root === undefined
    ? undefined
    : ensureLine(chain) + ensureLine(root.cross ?? root.certificate)
}

/** Whether what this intermediate has signed should be replaced: it signs no more, or is gone. */
export function isLeaving(state: TrustState, issuer: string): boolean {
  const intermediate = intermediateOf(state, issuer)
  const root = state.roots.entries.find(({ id }) => id === intermediate?.root)
  return intermediate === undefined || intermediate.state === 'old' || root?.state !== 'active'
}

function intermediateOf({ authorities }: TrustState, id: string) {
  return Object.values(authorities)
    .flatMap(({ entries }) => entries)
    .find((entry) => entry.id === id)
}

function ensureLine(pem: string): string {
  return pem.endsWith('\n') ? pem : `${pem}\n`
}
