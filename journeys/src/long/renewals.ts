import { startPlatform } from '../support/platform.ts'
import { startTraffic } from '../support/traffic.ts'

/* Certificates that live 60 s; steady traffic across every hop; no request may fail, and all must have renewed. */
const minutes = Number(process.argv[2] ?? 10)
const platform = await startPlatform({ env: { COUNTERSIGN_CERTIFICATES_LEAF_TTL: '60s' } })
try {
  const traffic = await startTraffic(platform, { readsPerSecond: 20 })
  for (let minute = 1; minute <= minutes; minute++) {
    await new Promise((done) => setTimeout(done, 60_000))
    console.log(`minute ${minute}: ${traffic.sent()} requests, ${traffic.failures.length} failed`)
  }
  await traffic.stop()
  const processes = await platform.processes()
  console.log(
    `renewals: ${processes.map((each) => `${each.name} ${each.certificate.renewals}`).join(', ')}`,
  )
  for (const failure of traffic.failures.slice(0, 20))
    console.log(failure.at.toISOString(), failure.what)
  const least = Math.min(...processes.map((each) => each.certificate.renewals))
  const wanted = Math.floor(minutes * 1.5)
  const holds = traffic.failures.length === 0 && least >= wanted
  console.log(
    `${traffic.sent()} requests in ${minutes} min, ${traffic.placed()} orders, ${traffic.failures.length} failed, fewest renewals ${least} (${wanted} wanted): ${holds ? 'holds' : 'DOES NOT HOLD'}`,
  )
  process.exitCode = holds ? 0 : 1
} finally {
  await platform.stop('--wipe')
}
