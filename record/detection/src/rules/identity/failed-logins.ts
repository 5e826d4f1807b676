import type { AuditEvent } from '@countersign/contract/platform'
import { Burst } from '../../domain/burst.ts'
import { timeOf, weightOf } from '../../domain/event-facts.ts'
import {
  FAILED_LOGINS_PER_ADDRESS,
  FAILED_LOGINS_PER_PERSON,
  FAILED_LOGINS_WINDOW_MS,
} from '../../limits.ts'
import type { Finding, Rule } from '../../rule.ts'

/*
 * Somebody tries passwords: many failed logins of one person, or many from one address whoever the person.
 * Logins that were refused for coming too often count as well: they are the same attempt.
 */
export const failedLogins: Rule = {
  id: 'identity.failed-logins',
  name: 'repeated failed logins',
  watch() {
    const windowMs = FAILED_LOGINS_WINDOW_MS
    const people = new Burst({ count: FAILED_LOGINS_PER_PERSON, windowMs })
    const addresses = new Burst({ count: FAILED_LOGINS_PER_ADDRESS, windowMs })
    return {
      observe(event, now) {
        if (!isFailedLogin(event)) return []
        const [time, weight] = [timeOf(event, now), weightOf(event)]
        const person = event.userId ?? event.user?.name
        const address = event.client?.ip
        const findings: Finding[] = []
        if (person !== undefined && people.add(person, time, weight))
          findings.push(found('person', person, FAILED_LOGINS_PER_PERSON))
        if (address !== undefined && addresses.add(address, time, weight))
          findings.push(found('address', address, FAILED_LOGINS_PER_ADDRESS))
        return findings
      },
    }
  },
}

function isFailedLogin({ serviceName, action, status, event }: AuditEvent): boolean {
  const refused = status === 'refused' && event.category.includes('authentication')
  return serviceName === 'identity' && action.startsWith('login.') && refused
}

function found(what: 'person' | 'address', who: string, count: number): Finding {
  const minutes = FAILED_LOGINS_WINDOW_MS / 60_000
  const of = what === 'person' ? 'for' : 'from'
  return {
    cause: `${what} ${who}`,
    reason: `${count} or more failed logins ${of} ${who} within ${minutes} minutes`,
  }
}
