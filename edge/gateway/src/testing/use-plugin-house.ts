import type { KongConfig, Plugin } from '@countersign/kong'
import { afterEach, beforeEach } from 'vitest'
import { type Answer, type Ask, ask } from './client.ts'
import { House, type Running } from './house.ts'
import { kongRoute, kongService } from './kong-entities.ts'
import { Seen } from './test-plugins.ts'
import type { UpstreamServer } from './upstream-server.ts'

/* What tests of plugins share: a service with a route that wants a token, and one that is open to all. */
export const service = kongService('legacy')
export const route = kongRoute(service, { name: 'reports', paths: ['/reports'] })
export const open = kongRoute(service, { name: 'open', paths: ['/open'], tags: ['public'] })

export interface PluginHouse {
  readonly house: House
  /** What the plugins of the test have seen. */
  readonly seen: Seen
  at(door: Running, path: string, more?: Partial<Ask>): Promise<Answer>
  /** A gateway with these plugins, a service behind it, and a configuration. */
  start(
    plugins: readonly Plugin[],
    config?: Partial<KongConfig>,
  ): Promise<{ door: Running; legacy: UpstreamServer }>
}

/** Builds a house before each test of the file, and closes it behind it. */
export function usePluginHouse(): PluginHouse {
  let built: { house: House; seen: Seen } | undefined
  const now = (): { house: House; seen: Seen } => {
    if (built === undefined) throw new Error('the house is built before each test')
    return built
  }
  beforeEach(async () => {
    built = { house: await House.build(), seen: new Seen() }
  })
  afterEach(() => built?.house.close())
  return {
    get house() {
      return now().house
    },
    get seen() {
      return now().seen
    },
    at: (door, path, more = {}) =>
      ask({ port: door.port, ca: now().house.pki.bundle, path, ...more }),
    async start(plugins, config = {}) {
      const { house } = now()
      const legacy = await house.service('legacy-1')
      await house.service('order-1')
      const door = await house.gateway({}, plugins)
      await house.configure({ services: [service], routes: [route, open], ...config })
      return { door, legacy }
    },
  }
}
