import { X509Certificate } from 'node:crypto'
import { workloadId } from '@countersign/contract'
import type { Log } from '@countersign/ground/telemetry'
import { readCertificate } from '@countersign/ground/x509'
import type { RevocationList } from '@countersign/layers'
import { type Identity, obtain, RenewingIdentity } from '@countersign/service'
import type { House } from './house.ts'

/**
 * The authority's own certificate, which it issues to itself. It follows its own state of trust: the bundle at once, and
 * a new certificate when another intermediate signs.
 */
export async function ownIdentity(
  { authority, trust, revocations }: House,
  log: Log,
): Promise<Identity & { close(): void }> {
  const id = workloadId(authority.trustDomain, 'authority')
  const renew = (csr: string) => authority.selfIssue('authority', csr)
  const list: RevocationList = {
    refusalOf: ({ serial, lineage }) =>
      revocations.has(lineage === undefined ? { serial } : { serial, lineage })
        ? 'REVOKED'
        : undefined,
    onChange: (listener) => revocations.onChange(listener),
  }
  const held = await obtain(id, renew)
  const identity = new RenewingIdentity({ id, held, renew, log, revocations: list })
  const follow = (): void => {
    identity.believe({ bundle: trust.bundle(), sequence: trust.sequence() })
    if (!isUnderActive(identity.current().chain, trust)) identity.renewNow()
  }
  const forget = [trust.onChange(follow), revocations.onChange(() => renewIfRevoked())]
  const renewIfRevoked = (): void => {
    const leaf = readCertificate(new X509Certificate(identity.current().chain).raw)
    if (list.refusalOf(leaf) === 'REVOKED') identity.renewNow()
  }
  const close = identity.close.bind(identity)
  return Object.assign(identity, {
    close: () => {
      for (const each of forget) each()
      close()
    },
  })
}

function isUnderActive(chain: string, trust: House['trust']): boolean {
  const { authorityKeyId } = readCertificate(new X509Certificate(chain).raw)
  const active = trust.signers.all().find(({ state }) => state === 'active')
  return active === undefined || active.id === authorityKeyId
}
