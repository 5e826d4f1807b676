import type { AuditEvent } from '@countersign/contract/platform'
import { Burst } from '../../domain/burst.ts'
import { callerOf, timeOf, weightOf } from '../../domain/event-facts.ts'
import { REFUSALS_PER_CALLER, REFUSALS_WINDOW_MS } from '../../limits.ts'
import type { Rule } from '../../rule.ts'

/*
 * One caller is refused again and again, by whichever door: somebody tries doors, or a program is broken.
 * The caller is the person where one is known, otherwise the address, otherwise the workload.
 */
export const refusalBurst: Rule = {
  id: 'doors.refusal-burst',
  name: 'burst of refusals',
  watch() {
    const callers = new Burst({ count: REFUSALS_PER_CALLER, windowMs: REFUSALS_WINDOW_MS })
    return {
      observe(event, now) {
        const caller = event.status === 'refused' ? whoIsRefused(event) : undefined
        if (caller === undefined) return []
        if (!callers.add(caller, timeOf(event, now), weightOf(event))) return []
        const seconds = REFUSALS_WINDOW_MS / 1_000
        const last = event.event.code === undefined ? '' : `; the last one ${event.event.code}`
        const reason = `${REFUSALS_PER_CALLER} or more refusals of ${caller} within ${seconds} s${last}`
        return [{ cause: caller, reason }]
      },
    }
  },
}

function whoIsRefused(event: AuditEvent): string | undefined {
  if (event.userId !== null) return `person ${event.userId}`
  if (event.client?.ip !== undefined) return `address ${event.client.ip}`
  const workload = callerOf(event)
  return workload === undefined ? undefined : `workload ${workload}`
}
