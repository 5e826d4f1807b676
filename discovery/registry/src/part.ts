import { registry as contract } from '@countersign/contract/platform'
import type { Part } from '@countersign/service'
import { readRegistrySettings } from './config/settings.ts'
import { createEvents } from './events.ts'
import { createHandlers } from './handlers.ts'
import { probeMesh } from './probe/probe-mesh.ts'
import { Registry } from './registry.ts'
import { SnapshotFile } from './store/snapshot-file.ts'

/** The registry as a part of the platform. Settings: see `config/settings.ts`. */
export const part: Part = {
  name: 'registry',
  async create(workload, env) {
    const { folder, allow } = readRegistrySettings(env)
    const registry = new Registry({
      probe: probeMesh(workload),
      snapshots: new SnapshotFile(folder, workload.log),
      now: () => performance.now(),
      events: (of) =>
        createEvents(workload, { state: () => of.state, waiters: () => of.watches.count }),
    })
    await registry.start()
    return {
      contract,
      handlers: createHandlers(registry, allow),
      drain: async () => registry.drain(),
      close: () => registry.close(),
    }
  },
}
