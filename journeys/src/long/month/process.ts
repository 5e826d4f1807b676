import { contract, endpoint, type Part, run } from '@countersign/service'
import { z } from 'zod'
import { startCalling } from './caller.ts'

/* One process of the simulation: a part of the platform, or one of the two little services. */
const name = process.argv[2] ?? ''
const PLATFORM: Readonly<Record<string, () => Promise<{ part: Part }>>> = {
  authority: () => import('@countersign/authority'),
  registry: () => import('@countersign/registry'),
  audit: () => import('@countersign/audit'),
}

const load = PLATFORM[name]
await run(load === undefined ? littlePart(name) : (await load()).part)

function littlePart(service: string): Part {
  const answers = contract(service, {
    ping: endpoint({
      at: `GET /${service}/ping`,
      callers: ['workloads'],
      roles: 'stranger',
      limit: '10000/second per caller',
      reply: z.object({ ok: z.literal(true) }),
    }),
  })
  return {
    name: service,
    create: async (workload) => {
      if (service === 'user') startCalling(workload)
      return { contract: answers, handlers: { ping: () => ({ ok: true }) } }
    },
  }
}
