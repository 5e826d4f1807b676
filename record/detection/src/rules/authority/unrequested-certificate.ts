import type { AuditEvent } from '@countersign/contract/platform'
import type { Finding, Rule } from '../../rule.ts'

/*
 * There is a certificate that the owner of its name did not ask for, or knows nothing of: somebody may speak in its name.
 * Authorities and the instances of the name tell of the same certificate, each for itself; it is one cause.
 */
const SAID: Readonly<Record<string, string>> = {
  'certificate.unclaimed': 'no instance says that it shows',
  'certificate.unrequested': 'the instances of its name did not ask for',
  'acme.unexpected': 'another holder of its names did not ask for',
}

export const unrequestedCertificate: Rule = {
  id: 'authority.unrequested-certificate',
  name: 'certificate that the owner of its name did not ask for',
  watch: () => ({ observe: (event) => look(event) }),
}

function look({ action, countersign }: AuditEvent): Finding[] {
  const what = Object.hasOwn(SAID, action) ? SAID[action] : undefined
  const serial = countersign?.details?.serial
  if (what === undefined || typeof serial !== 'string') return []
  return [
    {
      cause: `certificate ${serial}`,
      reason: `there is a certificate that ${what}: ${serial}; if nobody needs it: countersign cert revoke ${serial}`,
    },
  ]
}
