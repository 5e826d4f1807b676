import type { Registry } from 'prom-client'
import { SECONDS } from './metrics.ts'

/*
 * A histogram whose label sets are made once and then observed by reference: an observation is a few
 * additions, where a general histogram hashes its labels each time. For the data path.
 */
interface Series {
  readonly labels: Record<string, string>
  readonly buckets: Float64Array
  sum: number
  count: number
}

/** One label set of a `Timing`. */
export class TimingSeries {
  readonly #series: Series
  readonly #bounds: readonly number[]
  constructor(series: Series, bounds: readonly number[]) {
    this.#series = series
    this.#bounds = bounds
  }
  /** `seconds`: how long it took. */
  observe(seconds: number): void {
    const series = this.#series
    series.sum += seconds
    series.count += 1
    for (let i = 0; i < this.#bounds.length; i++) {
      if (seconds <= (this.#bounds[i] ?? 0)) {
        series.buckets[i] = (series.buckets[i] ?? 0) + 1
        return
      }
    }
  }
}

/** Durations in seconds by label set, in the shape that prom-client's registry prints. */
export class Timing {
  readonly name: string
  readonly help: string
  readonly #bounds: readonly number[]
  readonly #series = new Map<string, { series: Series; handle: TimingSeries }>()

  constructor(
    registry: Registry,
    options: { name: string; help: string; buckets?: readonly number[] },
  ) {
    this.name = options.name
    this.help = options.help
    this.#bounds = options.buckets ?? SECONDS
    registry.registerMetric(this as never)
  }
  /** The series of these labels; keep it and observe it. */
  series(labels: Record<string, string>): TimingSeries {
    const key = JSON.stringify(labels)
    const known = this.#series.get(key)
    if (known !== undefined) return known.handle
    const series: Series = {
      labels,
      buckets: new Float64Array(this.#bounds.length),
      sum: 0,
      count: 0,
    }
    const handle = new TimingSeries(series, this.#bounds)
    this.#series.set(key, { series, handle })
    return handle
  }
  /** What prom-client asks of a metric when it prints it. */
  get(): unknown {
    const values = [...this.#series.values()].flatMap(({ series }) => this.#valuesOf(series))
    return { help: this.help, name: this.name, type: 'histogram', values, aggregator: 'sum' }
  }
  reset(): void {
    this.#series.clear()
  }

  #valuesOf(series: Series): unknown[] {
    let below = 0
    const buckets = this.#bounds.map((bound, i) => {
      below += series.buckets[i] ?? 0
      return this.#value('_bucket', { ...series.labels, le: bound }, below)
    })
    return [
      ...buckets,
      this.#value('_bucket', { ...series.labels, le: '+Inf' }, series.count),
      this.#value('_sum', series.labels, series.sum),
      this.#value('_count', series.labels, series.count),
    ]
  }
  #value(suffix: string, labels: Record<string, string | number>, value: number): unknown {
    return { metricName: this.name + suffix, labels, value }
  }
}
