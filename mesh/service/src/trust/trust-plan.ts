import type { TrustReport } from '@countersign/contract/platform'
import { readCertificate, readPem } from '@countersign/ground/x509'
import {
  ASK_GAP_IDLE_MS,
  ASK_GAP_MS_MIN,
  RENEW_SPREAD_MS_MAX,
  RENEW_SPREAD_SHARE,
  RETRY_MS_MAX,
  RETRY_MS_MIN,
} from './limits.ts'

/*
 * What a follower does next, from values alone. `luck` is a random number from 0 up to 1.
 */

/** A certificate that is shown to somebody, as a report names it. */
export type Shown = TrustReport['certificates'][number]
/** One's own certificate: its lineage too. */
export interface Own extends Shown {
  readonly lineage: string | undefined
  readonly notBefore: number
}

/** Reads the leaf of a chain. Throws `X509Error` where it is no certificate, or names no issuer. */
export function readOwn(chain: string): Own {
  const [leaf] = readPem(chain, 'CERTIFICATE')
  const facts = leaf === undefined ? undefined : readCertificate(leaf)
  if (facts?.authorityKeyId === undefined) throw new TypeError('the certificate names no issuer')
  const { serial, lineage, notBefore, notAfter, authorityKeyId: issuer } = facts
  return { serial, issuer, lineage, notBefore, notAfter }
}

/**
 * Milliseconds until a certificate whose issuer signs no more is renewed: all who hear of it at once spread over ten
 * seconds, or a tenth of the life where that is shorter. `inVain`: how many renewals have brought another such; their
 * pauses grow up to a quarter of the life.
 */
export function renewSoonMs(lifeMs: number, inVain: number, luck: number): number {
  const life = Math.max(0, lifeMs)
  const spread = luck * Math.min(RENEW_SPREAD_MS_MAX, life * RENEW_SPREAD_SHARE)
  if (inVain === 0) return spread
  return Math.min(life / 4, (RENEW_SPREAD_MS_MAX + spread) * 2 ** Math.min(inVain - 1, 16))
}

/**
 * Milliseconds until the next question. One that failed goes to the next authority at once, until each of them has
 * failed; then the pauses double.
 */
export function askAgainMs(
  last: { failures: number; authorities: number; tookMs: number; news: boolean },
  luck: number,
): number {
  if (last.failures === 0) {
    const gap = last.news ? ASK_GAP_MS_MIN : ASK_GAP_IDLE_MS
    return Math.max(0, gap - last.tookMs)
  }
  const rounds = Math.floor(last.failures / Math.max(1, last.authorities))
  if (rounds === 0) return 0
  const full = Math.min(RETRY_MS_MAX, RETRY_MS_MIN * 2 ** Math.min(rounds - 1, 16))
  return full * (1 - luck / 2)
}
