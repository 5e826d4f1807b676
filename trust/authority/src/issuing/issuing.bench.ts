import { join } from 'node:path'
import { workloadId } from '@countersign/contract'
import { temporaryFolder } from '@countersign/ground/testkit'
import { createCsr, generateKeyPair } from '@countersign/ground/x509'
import { openStore } from '../store/store.ts'
import { createPki, createRevocations, silent, TRUST_DOMAIN } from '../testing/test-pki.ts'
import { openAuthority } from './authority.ts'

/*
 * How many certificates one process issues in a second, with its store on disk: every check, intent, signature,
 * reading back and completion. By hand:
 *
 *   node --conditions=countersign:source trust/authority/src/issuing/issuing.bench.ts [seconds] [in flight]
 */
const seconds = Number(process.argv[2] ?? 10)
const inFlight = Number(process.argv[3] ?? 64)

using folder = temporaryFolder()
const pki = await createPki(folder.path, { instances: ['authority-1'] })
const store = openStore(join(folder.path, 'authority-1'))
const authority = await openAuthority({
  ...{ folder: folder.path, instance: 'authority-1', trustDomain: TRUST_DOMAIN, store },
  ...{ signers: pki.signersOf('authority-1'), trust: pki, revocations: createRevocations() },
  ...{ leafLifetimeSeconds: 3_600, log: silent },
})
const id = workloadId(TRUST_DOMAIN, 'order')
// Requests of many workloads: none is read from anybody's cache.
const csrs = await Promise.all(
  Array.from({ length: 256 }, async () =>
    createCsr({ id, privateKey: (await generateKeyPair()).privateKey }),
  ),
)

async function issueUntil(end: number): Promise<number> {
  let issued = 0
  while (performance.now() < end) {
    const csr = csrs[issued % csrs.length] ?? ''
    await authority.issue({ profile: 'workload', kind: 'join', name: 'order', csr })
    issued += 1
  }
  return issued
}
async function run(ms: number): Promise<{ count: number; ms: number; cpuMs: number }> {
  const start = performance.now()
  const cpu = process.cpuUsage()
  const counts = await Promise.all(Array.from({ length: inFlight }, () => issueUntil(start + ms)))
  const { user, system } = process.cpuUsage(cpu)
  const count = counts.reduce((sum, each) => sum + each, 0)
  return { count, ms: performance.now() - start, cpuMs: (user + system) / 1_000 }
}

await run(1_000)
const { count, ms, cpuMs } = await run(seconds * 1_000)
const perSecond = Math.round((count / ms) * 1_000)
const perCpuSecond = Math.round((count / cpuMs) * 1_000)
console.log(
  `${count} certificates, ${inFlight} in flight: ${perSecond}/s, ${perCpuSecond} for each second of processor time`,
)
await store.close()
