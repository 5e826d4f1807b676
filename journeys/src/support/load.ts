/** What a load has seen. */
export interface LoadReport {
  readonly sent: number
  readonly failed: number
  /** Failures by what they were: a status or an error code. */
  readonly failures: Readonly<Record<string, number>>
  readonly seconds: number
  readonly perSecond: number
  readonly p50Ms: number
  readonly p90Ms: number
  readonly p99Ms: number
  readonly maxMs: number
}
export interface LoadOptions {
  /** How many requests are under way at any time: each that ends starts the next (closed loop). */
  readonly inFlight: number
  readonly seconds: number
  /** Requests of this first part are made and not counted. */
  readonly warmUpSeconds?: number
  /** Lets each of the `inFlight` wait this long between two requests. */
  readonly pauseMs?: number
  /** One request; says what went wrong, or nothing. */
  readonly send: (worker: number) => Promise<string | undefined>
  /** Told of each failure, with when it was. */
  readonly onFailure?: (what: string, at: Date) => void
}

/** Makes a steady load, and reports on it. */
export async function load(options: LoadOptions): Promise<LoadReport> {
  const latencies: number[] = []
  const failures: Record<string, number> = {}
  const start = performance.now()
  const countFrom = start + (options.warmUpSeconds ?? 0) * 1000
  const end = countFrom + options.seconds * 1000
  const worker = async (index: number): Promise<void> => {
    while (performance.now() < end) {
      const sentAt = performance.now()
      const wrong = await options.send(index).catch((error: unknown) => nameOf(error))
      const now = performance.now()
      if (sentAt >= countFrom) latencies.push(now - sentAt)
      if (wrong !== undefined) {
        failures[wrong] = (failures[wrong] ?? 0) + 1
        options.onFailure?.(wrong, new Date())
      }
      if (options.pauseMs !== undefined)
        await new Promise((done) => setTimeout(done, options.pauseMs))
    }
  }
  await Promise.all(Array.from({ length: options.inFlight }, (_, index) => worker(index)))
  const seconds = (performance.now() - countFrom) / 1000
  return report(latencies, failures, seconds)
}

function report(
  latencies: number[],
  failures: Record<string, number>,
  seconds: number,
): LoadReport {
  const sorted = Float64Array.from(latencies).sort()
  const at = (share: number): number =>
    Math.round(
      (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0) * 100,
    ) / 100
  return {
    sent: sorted.length,
    failed: Object.values(failures).reduce((sum, count) => sum + count, 0),
    failures,
    seconds: Math.round(seconds * 10) / 10,
    perSecond: Math.round(sorted.length / seconds),
    p50Ms: at(0.5),
    p90Ms: at(0.9),
    p99Ms: at(0.99),
    maxMs: at(1),
  }
}

function nameOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return 'code' in error
    ? `${error.code}: ${error.message}`.slice(0, 160)
    : error.message.slice(0, 160)
}
