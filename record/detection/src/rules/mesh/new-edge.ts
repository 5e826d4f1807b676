import type { AuditEvent } from '@countersign/contract/platform'
import { z } from 'zod'
import { BoundedMap } from '../../domain/bounded-map.ts'
import { callerOf } from '../../domain/event-facts.ts'
import { EDGES_MAX, LEARNING_MS } from '../../limits.ts'
import type { Finding, Rule } from '../../rule.ts'

/*
 * A workload calls an endpoint that it never called before: a new release, or somebody who is inside and looks around.
 * What is seen in the time of learning is normal. An edge that was refused is another edge than one that was allowed.
 */
const EDGE_LENGTH_MAX = 512

const savedSchema = z.object({
  /** Until when all is normal, in milliseconds. */
  learningUntil: z.number(),
  edges: z.array(z.string().max(EDGE_LENGTH_MAX)).max(EDGES_MAX),
})

/** The rule, with its time of learning. */
export function newEdge(learningMs: number = LEARNING_MS): Rule {
  return {
    id: 'mesh.new-edge',
    name: 'call on an edge never seen before',
    watch(saved) {
      const read = savedSchema.safeParse(saved)
      const known = new BoundedMap<true>(EDGES_MAX)
      for (const edge of read.success ? read.data.edges : []) known.set(edge, true)
      let learningUntil = read.success ? read.data.learningUntil : undefined
      return {
        observe(event, now) {
          learningUntil ??= now + learningMs
          const strange = edgesOf(event).filter((edge) => known.use(edge) === undefined)
          for (const edge of strange) known.set(edge, true)
          return now < learningUntil ? [] : strange.map(found)
        },
        save: () =>
          learningUntil === undefined ? undefined : { learningUntil, edges: known.keys() },
      }
    },
  }
}

function edgesOf(event: AuditEvent): string[] {
  return edgesIn(event).map((edge) => edge.slice(0, EDGE_LENGTH_MAX))
}

function edgesIn(event: AuditEvent): string[] {
  if (event.event.kind !== 'event' || !event.event.category.includes('api')) return []
  const caller = callerOf(event)
  const sign = signOf(event)
  const made = (event.countersign?.downstream ?? []).flatMap(({ hop }) =>
    typeof hop === 'string' ? [`${event.serviceName} -> ${hop}`] : [],
  )
  return caller === undefined || sign === undefined
    ? made
    : [`${caller} ${sign} ${event.action}`, ...made]
}

// Other refusals say nothing about the edge: the same call may be right for another person or a second later.
function signOf({ status, event }: AuditEvent): '->' | '-x' | undefined {
  if (status !== 'refused') return '->'
  return event.code === 'CALLER_FORBIDDEN' ? '-x' : undefined
}

function found(edge: string): Finding {
  const what = edge.includes(' -x ') ? 'a call that was refused' : 'a call'
  return { cause: edge, reason: `${what} on an edge never seen before: ${edge}` }
}
