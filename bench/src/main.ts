import { cpus } from 'node:os'
import { resolve } from 'node:path'
import { desk, REPOSITORY, startPlatform } from '@countersign/journeys/support'

/*
 * The bar of seed 2: 1000 service-to-service calls in flight, all checks on. A process with the identity of `order`
 * calls `payment.ping`, which touches no database, on behalf of a customer: mTLS, peer check, token, role, limit,
 * permit, metrics. Closed loop, 60 s after 10 s of warm-up. Client and server share the machine's cores, and the
 * rest of the platform runs beside them.
 */
const seconds = Number(process.argv[2] ?? 60)
const inFlight = Number(process.argv[3] ?? 1000)

const platform = await startPlatform({ env: { COUNTERSIGN_LOG_LEVEL: 'warn' } })
try {
  const token = await platform.token('customer')
  const ended = await desk(
    [
      'run',
      resolve(REPOSITORY, 'bench/src/calls-of-order/main.ts'),
      '--name',
      'order',
      '--number',
      '9',
    ],
    {
      home: platform.home,
      env: { ...platform.env, BENCH_LOAD: JSON.stringify({ token, seconds, inFlight }) },
      timeoutMs: (seconds + 60) * 1000,
    },
  )
  const line = ended.stdout.split('\n').find((each) => each.startsWith('{"sent"'))
  if (line === undefined) throw new Error(`no report: ${ended.stdout}\n${ended.stderr}`)
  const report = JSON.parse(line)
  console.log(
    `order → payment.ping, ${inFlight} in flight, closed loop, ${seconds} s, ${cpus().length} × ${cpus()[0]?.model}, Node ${process.version}`,
  )
  console.table([
    {
      sent: report.sent,
      failed: report.failed,
      'calls/s': report.perSecond,
      'p50 ms': report.p50Ms,
      'p90 ms': report.p90Ms,
      'p99 ms': report.p99Ms,
      'max ms': report.maxMs,
    },
  ])
  if (report.failed > 0) console.log(report.failures)
  process.exitCode = report.failed === 0 ? 0 : 1
} finally {
  await platform.stop('--wipe')
}
