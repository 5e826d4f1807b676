import { Timing, type TimingSeries } from '@countersign/ground/telemetry'
import type { Plugin, PluginRecord, PluginTools } from '@countersign/kong'
import { z } from 'zod'
import { field } from './schema.ts'

/*
 * Kong's prometheus: its families, in the registry of the gateway's own /metrics. A family is there once its flag is set.
 * Label values come from the configuration, and from numbers; the series of one entity are bounded all the same.
 */
const flag = field(z.boolean(), false)
const schema = z.strictObject({
  per_consumer: flag,
  status_code_metrics: flag,
  ai_metrics: flag,
  latency_metrics: flag,
  bandwidth_metrics: flag,
  upstream_health_metrics: flag,
  wasm_metrics: flag,
})
type Config = z.output<typeof schema>

/** Chosen by us: with more label sets than this in one entity, new ones have no consumer. */
const SERIES_MAX = 10_000
const GATEWAY_MS = [1, 2, 5, 7, 10, 15, 20, 30, 50, 75, 100, 200, 500, 750, 1_000, 3_000, 6_000]
const UPSTREAM_MS = [25, 50, 80, 100, 250, 400, 700, 1_000, 2_000, 5_000, 10_000, 30_000, 60_000]
const WORKSPACE = 'default'

export const prometheus: Plugin<Config> = {
  name: 'prometheus',
  priority: 13,
  schema,
  create: (config, { tools }) => {
    const families = tools.shared('plugin:prometheus', () => new Families(tools))
    const book = new Book(config, families)
    if (config.upstream_health_metrics) families.watchTargets()
    return {
      log: (done) => book.count(done),
      close: () => {
        if (config.upstream_health_metrics) families.unwatchTargets()
      },
    }
  },
}

interface Countable {
  inc(by?: number): void
}
/** What is counted of requests with the same labels. */
interface Row {
  readonly requests: Countable | undefined
  readonly ingress: Countable | undefined
  readonly egress: Countable | undefined
  readonly gateway: TimingSeries | undefined
  readonly upstream: TimingSeries | undefined
  readonly whole: TimingSeries | undefined
}

/** Finds the row of a request by few comparisons: labels are hashed once for each set of them. */
class Book {
  readonly #config: Config
  readonly #families: Families
  readonly #rows = new Map<string, Row>()
  constructor(config: Config, families: Families) {
    this.#config = config
    this.#families = families
  }
  count(done: PluginRecord): void {
    const row = this.#row(done)
    row.requests?.inc()
    row.ingress?.inc(done.requestBytes)
    row.egress?.inc(done.answerBytes)
    row.gateway?.observe(done.gatewayMs)
    row.whole?.observe(done.totalMs)
    if (done.upstreamMs !== undefined) row.upstream?.observe(done.upstreamMs)
  }

  #row(done: PluginRecord): Row {
    const { asked, status } = done
    const consumer = this.#config.per_consumer ? (asked.consumer?.username ?? '') : ''
    const source = done.source === 'service' ? 'service' : 'kong'
    const key = `${asked.service?.id}|${asked.route.id}|${status}|${source}|${consumer}`
    const known = this.#rows.get(key)
    if (known !== undefined) return known
    const full = this.#rows.size >= SERIES_MAX
    const row = this.#makeRow(done, source, full ? '' : consumer)
    if (!full) this.#rows.set(key, row)
    return row
  }
  #makeRow({ asked, status }: PluginRecord, source: string, consumer: string): Row {
    const where = {
      service: asked.service?.name ?? '',
      route: asked.route.name,
      workspace: WORKSPACE,
    }
    const { status_code_metrics, bandwidth_metrics, latency_metrics } = this.#config
    const families = this.#families
    const bytes = (direction: string) =>
      bandwidth_metrics ? families.bandwidth.labels({ ...where, direction, consumer }) : undefined
    return {
      requests: status_code_metrics
        ? families.requests.labels({ ...where, code: String(status), source, consumer })
        : undefined,
      ingress: bytes('ingress'),
      egress: bytes('egress'),
      gateway: latency_metrics ? families.gatewayMs.series(where) : undefined,
      upstream: latency_metrics ? families.upstreamMs.series(where) : undefined,
      whole: latency_metrics ? families.requestMs.series(where) : undefined,
    }
  }
}

/** Each family, made when it is first used, once for all configurations of a gateway. */
class Families {
  readonly #tools: PluginTools
  readonly #timings = new Map<string, Timing>()
  #watchers = 0
  #watching = false
  constructor(tools: PluginTools) {
    this.#tools = tools
  }
  get requests() {
    return this.#tools.metrics.counter(
      'kong_http_requests_total',
      'HTTP status codes per consumer/service/route in Kong',
      ['service', 'route', 'code', 'source', 'workspace', 'consumer'],
    )
  }
  get bandwidth() {
    return this.#tools.metrics.counter(
      'kong_bandwidth_bytes',
      'Total bandwidth (ingress/egress) throughput in bytes',
      ['service', 'route', 'direction', 'workspace', 'consumer'],
    )
  }
  get gatewayMs(): Timing {
    const help = 'Latency added by Kong and enabled plugins for each service/route in Kong'
    return this.#timing('kong_kong_latency_ms', help, GATEWAY_MS)
  }
  get upstreamMs(): Timing {
    const help = 'Latency added by upstream response for each service/route in Kong'
    return this.#timing('kong_upstream_latency_ms', help, UPSTREAM_MS)
  }
  get requestMs(): Timing {
    const help = 'Total latency incurred during requests for each service/route in Kong'
    return this.#timing('kong_request_latency_ms', help, UPSTREAM_MS)
  }
  watchTargets(): void {
    this.#watchers++
    if (this.#watching) return
    this.#watching = true
    const health = (): ReturnType<NonNullable<PluginTools['targets']>> =>
      this.#watchers > 0 ? (this.#tools.targets?.() ?? []) : []
    this.#tools.metrics.gauge(
      'kong_upstream_target_health',
      'Health status of targets of upstream. States = healthchecks_off|healthy|unhealthy|dns_error, value is 1 when state is populated.',
      ['upstream', 'target', 'address', 'state', 'subsystem'],
      function () {
        this.reset()
        for (const { upstream, target, address, state } of health())
          for (const each of STATES)
            this.set(
              { upstream, target, address, state: each, subsystem: 'http' },
              each === state ? 1 : 0,
            )
      },
    )
  }
  unwatchTargets(): void {
    this.#watchers--
  }

  #timing(name: string, help: string, buckets: readonly number[]): Timing {
    const known = this.#timings.get(name)
    if (known !== undefined) return known
    const timing = new Timing(this.#tools.metrics.registry, { name, help, buckets })
    this.#timings.set(name, timing)
    return timing
  }
}
const STATES = ['healthchecks_off', 'healthy', 'unhealthy', 'dns_error'] as const
