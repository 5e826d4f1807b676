import { Refusal } from '@countersign/layers'
import type { Frame } from '../compose.ts'

/** The cheapest refusal comes first: too many requests at once, in total or from one source. */
export function limitInFlight(bounds: {
  readonly max: number
  readonly perSourceMax: number
}): Frame {
  const bySource = new Map<string, number>()
  let total = 0
  return {
    enter: ({ connection }) => {
      const count = bySource.get(connection.source) ?? 0
      if (total >= bounds.max) throw overloaded('in total')
      if (count >= bounds.perSourceMax) throw overloaded('from one source')
      total++
      bySource.set(connection.source, count + 1)
    },
    leave: ({ connection: { source } }) => {
      total--
      const left = (bySource.get(source) ?? 1) - 1
      if (left === 0) bySource.delete(source)
      else bySource.set(source, left)
    },
  }
}

const overloaded = (where: string): Refusal =>
  new Refusal('OVERLOADED', {
    detail: 'Too many requests are under way. Try again in a second.',
    rule: `gateway: requests in flight ${where}`,
    remedy: 'send fewer requests at once, or raise GATEWAY_IN_FLIGHT_MAX or …_PER_SOURCE_MAX',
    headers: { 'retry-after': '1' },
  })
