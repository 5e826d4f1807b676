import { type AcmeParts, type AcmeReply, timeText } from '../call.ts'
import { RENEWAL_POLL_MS_MAX, RENEWAL_POLL_MS_MIN } from '../limits.ts'
import { notFound } from '../problem.ts'
import { parseCertificateId } from './certificate-id.ts'
import { isLeaving } from './chains.ts'

interface RenewalWindow {
  readonly start: number
  readonly end: number
}

/**
 * When to renew (RFC 9773, 4.2): in the last third of its life, up to its last twelfth, so that all those who renew
 * spread; at once, which is what a window in the past means, where it is revoked or its issuer is on its way out.
 */
function renewalWindow(
  { notBefore, notAfter }: { notBefore: number; notAfter: number },
  { now, atOnce }: { now: number; atOnce: boolean },
): RenewalWindow {
  const life = notAfter - notBefore
  if (atOnce) return { start: Math.min(notBefore, now - 2_000), end: now - 1_000 }
  return { start: notAfter - life / 3, end: notAfter - life / 12 }
}

/** RFC 9773, 4.1. Everybody may ask. */
export function renewalInfo(
  { certificates, ports, now }: Pick<AcmeParts, 'certificates' | 'ports' | 'now'>,
  id: string,
): AcmeReply {
  const parsed = parseCertificateId(id)
  const held = parsed === undefined ? undefined : certificates.find(parsed.serial)
  if (parsed === undefined || held?.issuer !== parsed.issuer) throw notFound()
  const atOnce =
    ports.revocations.has({ serial: held.serial }) || isLeaving(ports.trust(), held.issuer)
  const { start, end } = renewalWindow(held, { now: now(), atOnce })
  const poll = Math.max(
    RENEWAL_POLL_MS_MIN,
    Math.min(RENEWAL_POLL_MS_MAX, (held.notAfter - held.notBefore) / 12),
  )
  return {
    status: 200,
    body: { suggestedWindow: { start: timeText(start), end: timeText(end) } },
    retryAfterSeconds: Math.round(poll / 1_000),
  }
}
