import type { Client, RawReply } from '@countersign/contract'
import type { registry as contract } from '@countersign/contract/platform'
import { z } from 'zod'
import { LIVE_INSTANCES_MAX, LIVE_NAMES_MAX, LIVENESS_MS_MAX } from '../trust/limits.ts'
import type { Registered } from './domain/fact.ts'
import type { Liveness } from './liveness.ts'

/** Consul lists itself among the services; it is no workload of ours. */
const NO_WORKLOAD = new Set(['consul'])
/** Names that are asked for at once. */
const AT_ONCE = 8

const servicesSchema = z.record(z.string().max(63), z.unknown())
const healthSchema = z.array(
  z.object({
    Service: z.object({ ID: z.string().min(1).max(128) }),
    Checks: z.array(z.object({ Status: z.string().max(32) })).max(64),
  }),
)
type Registry = Pick<Client<typeof contract, 'authority'>, 'services' | 'health'>

/** Asks the registry for every name, and for every instance of each. */
export function createRegistryLiveness(registry: Registry): Liveness {
  return {
    async instances() {
      const signal = AbortSignal.timeout(LIVENESS_MS_MAX)
      const options = { timeoutMs: LIVENESS_MS_MAX, signal }
      const services = servicesSchema.parse(bodyOf(await registry.services({ query: {} }, options)))
      const names = Object.keys(services).filter((name) => !NO_WORKLOAD.has(name))
      if (names.length > LIVE_NAMES_MAX) throw new Error('the registry lists too many services')
      const found: Registered[] = []
      const next = names.values()
      const work = async (): Promise<void> => {
        for (const name of next) found.push(...(await askFor(name)))
      }
      await Promise.all(Array.from({ length: AT_ONCE }, work))
      if (found.length > LIVE_INSTANCES_MAX)
        throw new Error('the registry lists too many instances')
      return found

      async function askFor(name: string): Promise<Registered[]> {
        const reply = await registry.health({ params: { name }, query: {} }, options)
        return healthSchema.parse(bodyOf(reply)).map(({ Service, Checks }) => ({
          ...{ name, instance: Service.ID },
          passing: Checks.every(({ Status }) => Status !== 'critical'),
        }))
      }
    },
  }
}

function bodyOf({ status, body }: RawReply): unknown {
  if (status !== 200) throw new Error(`the registry answers ${status}`)
  return JSON.parse(Buffer.from(body ?? '').toString())
}
