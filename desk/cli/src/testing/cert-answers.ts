import type { CertificateView, Quorum } from '@countersign/contract/platform'

/* What test authorities answer, for the tests of the commands `cert …`. */
export const DAY_MS = 86_400_000
export const ROOT = 'a'.repeat(40)
const CA = 'c'.repeat(40)
export const now = Date.now()

export const quorumOf = (instance: string, change: Partial<Quorum> = {}): Quorum => ({
  instance,
  sequence: 1,
  revision: 'r1',
  roots: [{ id: ROOT, state: 'active', notAfter: now + 3_000 * DAY_MS, keyIsHere: true }],
  authorities: ['authority-1', 'authority-2'].map((each) => ({
    instance: each,
    up: true,
    seenAt: now,
    sequence: 1,
    revision: 'r1',
    intermediates: [{ id: CA, root: ROOT, state: 'active', notAfter: now + 300 * DAY_MS }],
  })),
  revocations: 0,
  ...change,
})
export const certificate = (
  serial: string,
  change: Partial<CertificateView> = {},
): CertificateView => ({
  serial,
  lineage: serial,
  name: 'spiffe://test.local/service/order',
  kind: 'join',
  authority: 'authority-1',
  issuer: CA,
  notBefore: now,
  notAfter: now + 3_600_000,
  ...change,
})
export const certificates = (...all: readonly CertificateView[]) => ({
  certificates: () => ({ certificates: all }),
})
