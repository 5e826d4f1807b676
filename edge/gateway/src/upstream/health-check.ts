import {
  createUpstream,
  type Upstream,
  UpstreamError,
  type UpstreamOptions,
} from '@countersign/layers'
import { type ActiveRules, type Shown, Tally } from '../domain/balancing/checks.ts'
import { CHECK_BYTES_MAX } from '../limits.ts'
import type { Instance } from './instance.ts'

/** Asks one target again and again whether it works, over a connection of its own: its pool may be full of requests. */
export class HealthCheck {
  readonly #instance: Instance
  readonly #upstream: Upstream
  readonly #tally = new Tally()
  #rules: ActiveRules
  #dueAt: number
  #running = false
  /** An operator has said that it does not work: only checks that an operator has configured say otherwise. */
  held = false

  /** `now`: of `performance.now()`. */
  constructor(
    instance: Instance,
    by: { readonly rules: ActiveRules; readonly connection: UpstreamOptions; readonly now: number },
  ) {
    this.#instance = instance
    this.#rules = by.rules
    this.#upstream = createUpstream({ ...by.connection, connectionsMax: 1 })
    this.#dueAt = by.now + Math.random() * Math.min(1_000, by.rules.healthyMs)
  }

  set rules(rules: ActiveRules) {
    this.#rules = rules
  }
  isDue(now: number): boolean {
    return !this.#running && now >= this.#dueAt
  }
  /** Never rejects. */
  async run(): Promise<void> {
    this.#running = true
    const rules = this.#rules
    const shown = rules.by === 'request' ? await this.#ask(rules) : await this.#knock()
    this.#running = false
    const turned = this.#tally.count(shown, rules)
    if (turned === 'unhealthy') this.#instance.up = false
    else if (turned === 'healthy' && (!this.held || rules.configured)) {
      this.held = false
      this.#instance.up = true
    }
    // Who has failed once is asked again soon, unless an operator wants it otherwise.
    const well = this.#instance.up && (rules.configured || shown === 'success')
    const everyMs = well ? rules.healthyMs : rules.unhealthyMs
    // A tenth more or less, so that many gateways do not ask at the same moment.
    this.#dueAt = performance.now() + everyMs * (0.9 + Math.random() * 0.2)
  }
  /** An operator has spoken: what was counted is forgotten. */
  reset(): void {
    this.#tally.reset()
  }
  close(): void {
    void this.#upstream.close()
  }

  async #ask(rules: ActiveRules): Promise<Shown> {
    const { path, headers, timeoutMs } = rules
    const { authority } = this.#instance
    try {
      const { status } = await this.#upstream.request(
        {
          method: 'GET',
          path,
          headers,
          timeoutMs,
          ...(authority === undefined ? {} : { host: authority }),
        },
        { bodyBytesMax: CHECK_BYTES_MAX },
      )
      if (rules.unhealthyStatuses.has(status)) return 'http-failure'
      return rules.healthyStatuses.has(status) ? 'success' : 'nothing'
    } catch (error) {
      return shownBy(error instanceof UpstreamError ? error : undefined)
    }
  }
  async #knock(): Promise<Shown> {
    const error = await this.#upstream.check()
    return error === undefined ? 'success' : shownBy(error)
  }
}

function shownBy(error: UpstreamError | undefined): Shown {
  switch (error?.code) {
    case 'TIMEOUT':
      return 'timeout'
    case 'CONNECT_FAILED':
    case 'PEER_REFUSED':
    case 'CONNECTION_LOST':
    case 'ANSWER_MALFORMED':
      return 'tcp-failure'
    // The answer is there, and longer than anybody reads; or the fault is ours.
    default:
      return 'nothing'
  }
}
