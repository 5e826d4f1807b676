import type { Measured } from '../measure.ts'

/** Shows what was just measured, so that a long session says where it is. */
export function printMeasured(measured: readonly Measured[]): void {
  for (const { target, scenario, round, cpuMicros, report } of measured)
    console.log(
      [
        `${round} ${target.padEnd(8)} ${scenario.padEnd(18)}`,
        `${cpuMicros.toFixed(1).padStart(7)} µs CPU`,
        `${report.perSecond.toFixed(0).padStart(7)}/s`,
        `p50 ${report.p50Ms.toFixed(2)} p99 ${report.p99Ms.toFixed(2)} ms`,
        `(generator ${report.generatorMicros.toFixed(1)} µs)`,
      ].join('  '),
    )
}
