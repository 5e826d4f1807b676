import { X509Certificate } from 'node:crypto'
import { spiffeId } from '@countersign/ground/spiffe'
import {
  createIntermediate,
  createRoot,
  generateKeyPair,
  type Issuer,
  keyIdOf,
  type Span,
} from '@countersign/ground/x509'
import { planCaSpan } from '../domain/plan-ca-span.ts'
import { AuthorityError } from '../errors.ts'
import { BACKDATE_MS } from '../limits.ts'
import { ROOT_NEARLY_ENDED_SHARE } from '../trust/limits.ts'

/** A CA with its key and the id of it. */
export interface Ca extends Issuer {
  readonly id: string
}
export interface CaOptions {
  readonly trustDomain: string
  readonly now: number
  readonly lifetimeMs: number
}

/** A new root. Its path is long enough to cross-sign the root after it. */
export async function makeRoot({ trustDomain, now, lifetimeMs }: CaOptions): Promise<Ca> {
  const keys = await generateKeyPair()
  const id = keyIdOf(keys.publicKey)
  const certificate = createRoot({
    trustDomainId: spiffeId(trustDomain),
    commonName: `countersign root ${trustDomain} ${shortId(id)}`,
    keys,
    span: { notBefore: now - 2 * BACKDATE_MS, notAfter: now + lifetimeMs },
    pathLength: 2,
  })
  return { id, certificate, privateKey: keys.privateKey }
}

/** The life of an intermediate under this root; `ISSUER_ENDS_SOON` where the root is nearly ended, and signs no more. */
export function spanUnder(
  root: string,
  { now, lifetimeMs }: Pick<CaOptions, 'now' | 'lifetimeMs'>,
): Span | 'ISSUER_ENDS_SOON' {
  return planCaSpan({
    ...{ now, lifetimeMs, root: spanOf(root) },
    ...{ skewMs: 2 * BACKDATE_MS, shareMin: ROOT_NEARLY_ENDED_SHARE },
  })
}
export const NEARLY_ENDED =
  'the root is nearly ended and signs nothing any more; do: countersign cert rotate-root'

/** A new intermediate of an authority. Throws `AuthorityError` ISSUER_ENDS_SOON where its root is nearly ended. */
export async function makeIntermediate(
  options: CaOptions & { readonly root: Issuer; readonly instance: string },
): Promise<Ca> {
  const { root, instance, trustDomain } = options
  const span = spanUnder(root.certificate, options)
  if (span === 'ISSUER_ENDS_SOON') throw new AuthorityError('ISSUER_ENDS_SOON', NEARLY_ENDED)
  const { publicKey, privateKey } = await generateKeyPair()
  const id = keyIdOf(publicKey)
  const certificate = createIntermediate({
    ...{ issuer: root, publicKey, span, trustDomainId: spiffeId(trustDomain) },
    commonName: `countersign ${instance} ${trustDomain} ${shortId(id)}`,
  })
  return { id, certificate, privateKey }
}

/** Whether `below` was signed by the holder of `above`'s key. */
export function isSignedBy(below: string, above: string): boolean {
  const issuer = new X509Certificate(above)
  const certificate = new X509Certificate(below)
  return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey)
}

export function spanOf(certificate: string): Span {
  const { validFromDate, validToDate } = new X509Certificate(certificate)
  return { notBefore: validFromDate.getTime(), notAfter: validToDate.getTime() }
}

/** Enough of a key id for people, for names of CAs and for labels. */
export function shortId(id: string): string {
  return id.slice(0, 12)
}
