import { contract } from '@countersign/contract'
import type { Built, Part } from '@countersign/service'
import { createBalancer } from './balancer.ts'
import { readBalancerSettings } from './config/settings.ts'

/** The balancer as a part of the platform. Over the mesh it answers only what every workload answers. */
export const part: Part = {
  name: 'balancer',
  async create(workload, env): Promise<Built> {
    const balancer = await createBalancer(readBalancerSettings(env), workload)
    const [first] = balancer.addresses
    for (const { host, port } of balancer.addresses)
      workload.log.info({ host, port }, 'the public door is open')
    return {
      contract: contract('balancer', {}),
      handlers: {},
      ...(first === undefined ? {} : { meta: { public: `${first.host}:${first.port}` } }),
      ready: () => balancer.ready(),
      drain: () => balancer.drain(),
      close: async () => balancer.close(),
    }
  },
}
