import { Tally, type TallySeries, Timing, type TimingSeries } from '@countersign/ground/telemetry'
import type { Workload } from '@countersign/service'
import type { Route } from './domain/route.ts'
import type { Exchange } from './exchange.ts'

/** What is counted of one route. */
interface Figures {
  readonly duration: TimingSeries
  /** By method, then by status. */
  readonly requests: Map<string, Map<number, TallySeries>>
}

/**
 * Requests and how long they took, by route. Labels come from declared routes and parsed methods only: their number is
 * bounded. Series are looked up by what a request has at hand; counting one makes nothing.
 */
export class RouteFigures {
  readonly #requests: Tally
  readonly #duration: Timing
  readonly #byRoute = new WeakMap<Route, Figures>()
  readonly #elsewhere: Figures

  constructor({ registry }: Workload['metrics']) {
    this.#requests = new Tally(registry, {
      name: 'countersign_requests_total',
      help: 'Requests at the public door',
    })
    this.#duration = new Timing(registry, {
      name: 'countersign_request_duration_seconds',
      help: 'From the head of the request to the end of the answer',
    })
    this.#elsewhere = this.#make('none', 'none')
  }

  count({ route, method, path, status, startedAt }: Exchange): void {
    const figures = route === undefined ? this.#elsewhere : this.#of(route)
    const known = path === undefined ? 'other' : method
    const series = figures.requests.get(known)?.get(status)
    if (series !== undefined) series.value++
    else this.#first(figures, route, known, status).value++
    figures.duration.observe((performance.now() - startedAt) / 1000)
  }

  #of(route: Route): Figures {
    const known = this.#byRoute.get(route)
    if (known !== undefined) return known
    const made = this.#make(route.service, route.endpoint.name)
    this.#byRoute.set(route, made)
    return made
  }
  #make(service: string, endpoint: string): Figures {
    return { duration: this.#duration.series({ service, endpoint }), requests: new Map() }
  }
  #first(
    { requests }: Figures,
    route: Route | undefined,
    method: string,
    status: number,
  ): TallySeries {
    const { service = 'none', endpoint: { name = 'none' } = {} } = route ?? {}
    const labels = { service, endpoint: name, method, status: String(status) }
    const series = this.#requests.series(labels)
    const byStatus = requests.get(method) ?? new Map<number, TallySeries>()
    byStatus.set(status, series)
    requests.set(method, byStatus)
    return series
  }
}
