import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client'

/** The metrics of one workload: a registry of its own, so that several workloads can live in one process. */
export class Metrics {
  readonly registry: Registry = new Registry()

  constructor(labels: Record<string, string> = {}) {
    this.registry.setDefaultLabels(labels)
  }
  /** Adds the figures of the process itself; for the first workload of a process only. */
  collectProcess(): void {
    collectDefaultMetrics({ register: this.registry })
    // Gauges that are called like counters: Prometheus' own checks refuse them.
    for (const name of ['handles', 'requests', 'resources'])
      this.registry.removeSingleMetric(`nodejs_active_${name}_total`)
  }
  /** One that is there already is the same: what two doors of a workload count under one name they count together. */
  counter<L extends string = string>(
    name: string,
    help: string,
    labelNames: readonly L[] = [],
  ): Counter<L> {
    const known = this.registry.getSingleMetric(name)
    if (known instanceof Counter) return known as Counter<L>
    return new Counter({ name, help, labelNames: [...labelNames], registers: [this.registry] })
  }
  gauge<L extends string = string>(
    name: string,
    help: string,
    labelNames: readonly L[] = [],
    collect?: (this: Gauge<L>) => void,
  ): Gauge<L> {
    return new Gauge({
      name,
      help,
      labelNames: [...labelNames],
      registers: [this.registry],
      ...(collect === undefined ? {} : { collect }),
    })
  }
  histogram<L extends string = string>(
    name: string,
    help: string,
    labelNames: readonly L[] = [],
    buckets: readonly number[] = SECONDS,
  ): Histogram<L> {
    return new Histogram({
      name,
      help,
      labelNames: [...labelNames],
      buckets: [...buckets],
      registers: [this.registry],
    })
  }
  /** Prometheus text format 0.0.4. */
  text(): Promise<string> {
    return this.registry.metrics()
  }
}

/** Bucket bounds for durations in seconds, fine around the aims of the platform. */
export const SECONDS: readonly number[] = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1, 2.5, 5, 10,
]
