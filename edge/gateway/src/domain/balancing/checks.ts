import type { HealthThresholds } from '@countersign/kong'

/*
 * Kong's health checks. A 0 of Kong means "off" there and our default here: a target that does not answer must not get
 * every second request for ever.
 *
 * - active: a target is asked by us. Where no interval is configured, only whether it takes a connection and proves who it is
 * - passive: what becomes of requests. Counts are in a row: a success forgets failures, and the other way round
 */

/** What one check, or one request, has shown. */
export type Shown = 'success' | 'http-failure' | 'tcp-failure' | 'timeout' | 'nothing'

/** How many of a kind, in a row, turn a target. 0: never. */
export interface Thresholds {
  readonly successes: number
  readonly httpFailures: number
  readonly tcpFailures: number
  readonly timeouts: number
}

/** Our defaults for active checks. */
const HEALTHY_SECONDS = 5
const UNHEALTHY_SECONDS = 2
const FAILURES = 2
const SUCCESSES = 1
const SECONDS_MIN = 0.1

/** How a target is asked. */
export interface ActiveRules extends Thresholds {
  /** Kong's configuration says that targets are to be asked; otherwise this is our default. */
  readonly configured: boolean
  /** By a request, or by a connection alone. */
  readonly by: 'request' | 'connection'
  readonly path: string
  /** Name, value, name, value … */
  readonly headers: readonly string[]
  readonly timeoutMs: number
  readonly concurrency: number
  readonly healthyMs: number
  readonly unhealthyMs: number
  readonly healthyStatuses: ReadonlySet<number>
  readonly unhealthyStatuses: ReadonlySet<number>
}

/** `health`: of the upstream; `undefined`: there is none. */
export function activeRules(health: HealthThresholds | undefined): ActiveRules {
  const { active } = health ?? KONGS_DEFAULT
  const { healthy, unhealthy } = active
  const configured = healthy.interval > 0 || unhealthy.interval > 0
  const asksHttp = configured && (active.type === 'http' || active.type === 'https')
  return {
    configured,
    by: asksHttp ? 'request' : 'connection',
    path: active.http_path,
    headers: Object.entries(active.headers ?? {}).flatMap(([name, values]) =>
      values.flatMap((value) => [name, value]),
    ),
    timeoutMs: Math.max(SECONDS_MIN, active.timeout) * 1000,
    concurrency: active.concurrency,
    healthyMs: Math.max(SECONDS_MIN, healthy.interval || HEALTHY_SECONDS) * 1000,
    unhealthyMs: Math.max(SECONDS_MIN, unhealthy.interval || UNHEALTHY_SECONDS) * 1000,
    healthyStatuses: new Set(healthy.http_statuses),
    unhealthyStatuses: new Set(unhealthy.http_statuses),
    successes: healthy.successes || SUCCESSES,
    httpFailures: unhealthy.http_failures || FAILURES,
    tcpFailures: unhealthy.tcp_failures || FAILURES,
    timeouts: unhealthy.timeouts || FAILURES,
  }
}

/** What requests have to show before a target is left out; beside them the circuit breaker has its own rules. */
export interface PassiveRules extends Thresholds {
  readonly healthyStatuses: ReadonlySet<number>
  readonly unhealthyStatuses: ReadonlySet<number>
}

export function passiveRules({ passive }: HealthThresholds): PassiveRules {
  const { healthy, unhealthy } = passive
  return {
    healthyStatuses: new Set(healthy.http_statuses),
    unhealthyStatuses: new Set(unhealthy.http_statuses),
    successes: healthy.successes,
    httpFailures: unhealthy.http_failures,
    tcpFailures: unhealthy.tcp_failures,
    timeouts: unhealthy.timeouts,
  }
}

/** What a status says. In neither list it says nothing. */
export function shownBy(status: number, rules: PassiveRules): Shown {
  if (rules.unhealthyStatuses.has(status)) return 'http-failure'
  return rules.healthyStatuses.has(status) ? 'success' : 'nothing'
}

/** Counts what was shown in a row. */
export class Tally {
  #successes = 0
  #http = 0
  #tcp = 0
  #timeouts = 0

  /** Counts; gives what the target has turned to by this, and `undefined` where nothing is decided. */
  count(shown: Shown, thresholds: Thresholds): 'healthy' | 'unhealthy' | undefined {
    if (shown === 'nothing') return undefined
    if (shown === 'success') {
      this.#http = this.#tcp = this.#timeouts = 0
      return reached(++this.#successes, thresholds.successes) ? 'healthy' : undefined
    }
    this.#successes = 0
    const turned =
      shown === 'http-failure'
        ? reached(++this.#http, thresholds.httpFailures)
        : shown === 'tcp-failure'
          ? reached(++this.#tcp, thresholds.tcpFailures)
          : reached(++this.#timeouts, thresholds.timeouts)
    return turned ? 'unhealthy' : undefined
  }
  reset(): void {
    this.#successes = this.#http = this.#tcp = this.#timeouts = 0
  }
}
const reached = (count: number, threshold: number): boolean => threshold > 0 && count >= threshold

/** For hosts without an upstream entity. */
const KONGS_DEFAULT: Pick<HealthThresholds, 'active'> = {
  active: {
    ...{ type: 'http', timeout: 1, concurrency: 10, http_path: '/', headers: null },
    ...{ https_sni: null, https_verify_certificate: true },
    healthy: { interval: 0, http_statuses: [], successes: 0 },
    unhealthy: { interval: 0, http_statuses: [], tcp_failures: 0, timeouts: 0, http_failures: 0 },
  },
}
