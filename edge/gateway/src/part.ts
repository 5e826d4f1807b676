import { contract } from '@countersign/contract'
import { bundledPlugins } from '@countersign/plugins'
import type { Built, Part, Workload } from '@countersign/service'
import { readGatewaySettings } from './config/settings.ts'
import { createGateway } from './gateway.ts'
import { loadPlugins } from '@countersign/kong'

/** The gateway as a part of the platform. Over the mesh it answers only what every workload answers. */
export const part: Part = {
  name: 'gateway',
  async create(workload, env): Promise<Built> {
    const settings = readGatewaySettings(env)
    const plugins = await loadPlugins(settings.plugins, bundledPlugins)
    const gateway = await createGateway(
      settings,
      // `run` has joined under the name of this part
      workload as Workload<'gateway'>,
      { plugins },
    )
    const { host, port } = gateway.address
    return {
      contract: contract('gateway', {}),
      handlers: {},
      meta: { public: `${host}:${port}` },
      ready: () => gateway.ready(),
      waitsFor: () => gateway.waitsFor(),
      drain: () => gateway.drain(),
      close: () => gateway.close(),
    }
  },
}
