import type { NewAuditEvent } from '@countersign/contract/platform'
import type { UnrequestedCertificate } from './unclaimed.ts'

/** For the owner of a name: there is a certificate for it that none of its instances shows. */
export function unrequestedEvent({
  serial,
  lineage,
  issuedAt,
}: UnrequestedCertificate): NewAuditEvent {
  return {
    action: 'certificate.unrequested',
    userId: null,
    status: 'failure',
    event: { kind: 'event', category: ['iam', 'intrusion_detection'], type: ['creation', 'info'] },
    countersign: {
      rule: 'every certificate of a name is shown by one of its instances',
      remedy: `if nobody knows of it: countersign cert revoke ${serial}`,
      details: { serial, lineage, issuedAt: new Date(issuedAt).toISOString() },
    },
  }
}
