import { X509Certificate } from 'node:crypto'
import { createCrl } from '@countersign/ground/x509'
import type { Crl, CrlEntry } from './crl-store.ts'
import { CRL_LIFE_MS } from './limits.ts'
import type { StatusIssuer } from './ports.ts'
import { reasonCode } from './reason-code.ts'

/** Signs a list. `number` has not been used for this issuer before. */
export function makeCrl(
  issuer: StatusIssuer,
  { number, entries, now }: { number: number; entries: readonly CrlEntry[]; now: number },
): Crl {
  const certificate = new X509Certificate(issuer.certificate)
  const isRoot = certificate.checkIssued(certificate)
  const times = { thisUpdate: now, nextUpdate: now + CRL_LIFE_MS }
  const revoked = entries.map(({ serial, at, reason }) => ({
    ...{ serial, at, reason: reasonCode(reason, isRoot) },
  }))
  const der = createCrl({ issuer, number: BigInt(number), ...times, revoked })
  return { issuer: issuer.id, number, ...times, der }
}
