import { until } from '@countersign/ground/testkit'
import type { KongConfig, Service, Target, Upstream } from '@countersign/kong'
import { type Answer, type Ask, ask } from './client.ts'
import { House, type Running } from './house.ts'
import { kongPlugin, kongRoute, kongService, kongTarget } from './kong-entities.ts'
import { OutsideServer } from './outside-server.ts'

/** A gateway before servers outside of the mesh, for one test. */
export class Shop {
  readonly house: House
  readonly #servers: OutsideServer[] = []
  #door: Running | undefined
  /** Clock of breakers and of slow return. */
  now = 1_000

  private constructor(house: House) {
    this.house = house
    house.breakerNow = () => this.now
  }
  static async build(): Promise<Shop> {
    return new Shop(await House.build())
  }
  async close(): Promise<void> {
    await this.house.close()
    for (const server of this.#servers.splice(0)) server.kill()
  }
  get door(): Running {
    if (this.#door === undefined) throw new Error('no gateway is open')
    return this.#door
  }
  async open(...by: Parameters<House['gateway']>): Promise<void> {
    this.#door = await this.house.gateway(...by)
  }
  async plain(name: string): Promise<OutsideServer> {
    return this.keep(await OutsideServer.plain(name))
  }
  keep(server: OutsideServer): OutsideServer {
    this.#servers.push(server)
    return server
  }

  get(path: string, more: Partial<Ask> = {}): Promise<Answer> {
    return ask({ port: this.door.port, ca: this.house.pki.bundle, path, ...more })
  }
  /** Servers behind an upstream entity, and a gateway before them. */
  async behind(
    upstream: Upstream,
    weights: readonly number[],
    options: { readonly env?: Record<string, string>; readonly service?: Partial<Service> } = {},
  ) {
    const all = await Promise.all(weights.map((_, i) => this.plain(`target-${i}`)))
    const targets = all.map(({ target }, i) => kongTarget(upstream, target, weights[i]))
    await this.open(options.env)
    const service = plainTo(upstream, options.service)
    const config = routed(service, { upstreams: [upstream], targets })
    await this.house.configure(config)
    return { all, targets, config }
  }
  /** Who answers so many requests, one after the other. */
  async names(count: number, more: Partial<Ask> = {}): Promise<unknown[]> {
    const found: unknown[] = []
    for (let i = 0; i < count; i++) found.push(from(await this.get('/shop', more)))
    return found
  }
  /** Waits until the control plane was told so of these targets. */
  async told(targets: readonly Target[], states: string): Promise<void> {
    await until(
      () => targets.map((each) => this.#healthOf(each)).join() === states,
      `targets are ${states}`,
      30_000,
    )
  }
  #healthOf({ id }: Target): string | undefined {
    const all = [...this.house.control.health.values()].flat()
    return all.find(({ target }) => target === id)?.health
  }
}

/** Who has answered, or the status where nobody has. */
export const from = (answer: Answer): unknown =>
  answer.status === 200 ? answer.json().from : answer.status

export const plainTo = (upstream: Upstream, more: Partial<Service> = {}): Service =>
  kongService(upstream.name, { protocol: 'http', port: 80, ...more })

/** A limit that no test comes near: without one, a route of an operator has the gateway's own. */
export const farLimit = () => kongPlugin('rate-limiting', {}, { second: 100_000, policy: 'local' })

/** A public route to a service. */
export const routed = (service: Service, more: Partial<KongConfig> = {}): Partial<KongConfig> => ({
  services: [service],
  routes: [kongRoute(service, { name: 'shop', paths: ['/shop'], tags: ['public'] })],
  plugins: [farLimit()],
  ...more,
})

export const counts = (found: readonly unknown[]): Record<string, number> => {
  const all: Record<string, number> = {}
  for (const each of found) all[String(each)] = (all[String(each)] ?? 0) + 1
  return all
}
