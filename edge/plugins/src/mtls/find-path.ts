import { type CertificateFacts, readCertificate } from '@countersign/ground/x509'
import type { Authorities, Link } from './authorities.ts'

/** Longer than a path may be: the check of the path refuses those that are too long. */
const STEPS_MAX = 5

/**
 * The way from a leaf to an anchor, by names and key ids: over what the client has shown, in any order, and what the
 * configuration holds. It is not checked yet. Leaf first; the anchor comes last.
 */
export function findPath(
  shown: readonly Buffer[],
  { anchors, others }: Authorities,
): readonly Link[] | undefined {
  const [leaf, ...rest] = shown.slice(0, STEPS_MAX + 1).map(linkOf)
  if (leaf === undefined) return undefined
  const path: Link[] = [leaf]
  let last: Link = leaf
  while (path.length <= STEPS_MAX) {
    const { facts } = last
    const anchor = anchors.find((one) => isIssuerOf(one.facts, facts))
    if (anchor !== undefined) return [...path, anchor]
    const next = [...rest, ...others].find(
      (one) => !path.includes(one) && isIssuerOf(one.facts, facts),
    )
    if (next === undefined) return undefined
    path.push(next)
    last = next
  }
  return undefined
}

const linkOf = (der: Buffer): Link => ({ der, facts: readCertificate(der), id: undefined })

function isIssuerOf(issuer: CertificateFacts, certificate: CertificateFacts): boolean {
  return (
    certificate.issuer.equals(issuer.subject) && certificate.authorityKeyId === issuer.subjectKeyId
  )
}
