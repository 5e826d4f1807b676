import { resolve } from 'node:path'
import { desk, type LoadReport, REPOSITORY, startPlatform } from '@countersign/journeys/support'

/**
 * Service-to-service calls in flight, all checks on. A process with the identity of `order` calls `payment.ping`, which
 * touches no database, on behalf of a customer: mTLS, peer check, token, role, limit, permit, metrics. Closed loop. Client
 * and server share the machine's cores, and the rest of the platform runs beside them.
 */
export async function callsOfOrder(seconds: number, inFlight: number): Promise<LoadReport> {
  const platform = await startPlatform({ env: { COUNTERSIGN_LOG_LEVEL: 'warn' } })
  try {
    const token = await platform.token('customer')
    const main = resolve(REPOSITORY, 'bench/src/calls-of-order/main.ts')
    const ended = await desk(['run', main, '--name', 'order', '--number', '9'], {
      home: platform.home,
      env: { ...platform.env, BENCH_LOAD: JSON.stringify({ token, seconds, inFlight }) },
      timeoutMs: (seconds + 60) * 1000,
    })
    const line = ended.stdout.split('\n').find((each) => each.startsWith('{"sent"'))
    if (line === undefined) throw new Error(`no report: ${ended.stdout}\n${ended.stderr}`)
    return JSON.parse(line) as LoadReport
  } finally {
    await platform.stop('--wipe')
  }
}
