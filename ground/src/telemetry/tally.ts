import type { Registry } from 'prom-client'

/** One label set of a `Tally`: a number to add to. */
export interface TallySeries {
  value: number
}

/**
 * A counter whose label sets are made once and then counted by reference: counting is one addition, where a general
 * counter hashes its labels each time. For the data path. It is in the shape that prom-client's registry prints.
 */
export class Tally {
  readonly name: string
  readonly help: string
  readonly #series = new Map<string, TallySeries & { readonly labels: Record<string, string> }>()

  constructor(registry: Registry, options: { name: string; help: string }) {
    this.name = options.name
    this.help = options.help
    registry.registerMetric(this as never)
  }
  /** The series of these labels; keep it and add to its value. */
  series(labels: Readonly<Record<string, string>>): TallySeries {
    const key = JSON.stringify(labels)
    const known = this.#series.get(key)
    if (known !== undefined) return known
    const made = { labels, value: 0 }
    this.#series.set(key, made)
    return made
  }
  /** What prom-client asks of a metric when it prints it. */
  get(): unknown {
    const values = [...this.#series.values()].map(({ labels, value }) => ({ labels, value }))
    return { help: this.help, name: this.name, type: 'counter', values, aggregator: 'sum' }
  }
  reset(): void {
    this.#series.clear()
  }
}
