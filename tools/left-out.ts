import { env } from 'node:process'
import type { Reporter, TestModule } from 'vitest/node'

/*
 * Says in the closing lines what was left out, and why: tests of engines that are not on this machine. Where every
 * engine has to be there (`COUNTERSIGN_TEST_ALL_ENGINES=required`), an engine that is missing is a failure.
 */
const REASONS: readonly (readonly [RegExp, string, 'engine' | 'machine'])[] = [
  [/redis/i, 'redis-server is not on the PATH', 'engine'],
  [
    /prometheus|promtool|processes are clean/i,
    'prometheus or promtool is not on the PATH',
    'engine',
  ],
  [/browser|chromium/i, 'chromium is not installed', 'engine'],
  [/softhsm/i, 'softhsm2-util or pkcs11-tool (OpenSC) is not installed', 'engine'],
  [/certtool/i, 'openssl or certtool (gnutls-bin) is not on the PATH', 'engine'],
  [
    /certbot|lego|dehydrated|acme client/i,
    'certbot, lego or dehydrated is not installed',
    'engine',
  ],
  [/reach (nginx|apache)/i, 'nginx or apache2 is not on the PATH', 'engine'],
  [/load generator/i, 'gcc or libssl-dev is not installed', 'engine'],
  [/openssl/i, 'openssl is not on the PATH', 'engine'],
  [
    /mongo/i,
    'no MongoDB is given by COUNTERSIGN_TEST_MONGODB_URL (tools/mongodb/run.sh starts one)',
    'engine',
  ],
  [/another machine/i, 'this machine has no address beside the loopback', 'machine'],
  [/root/i, 'needs another user (root, or not root)', 'machine'],
]

export default class LeftOut implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const reasons = new Map<string, number>()
    let failed = false
    for (const module of modules) {
      for (const test of module.children.allTests('skipped')) {
        const result = test.result()
        const note = result.state === 'skipped' ? result.note : undefined
        const known = REASONS.find(([pattern]) =>
          pattern.test(`${module.moduleId} ${test.fullName}`),
        )
        const reason = note ?? known?.[1] ?? `skipped: ${test.fullName}`
        reasons.set(reason, (reasons.get(reason) ?? 0) + 1)
        failed ||= known?.[2] !== 'machine'
      }
    }
    if (reasons.size === 0) {
      console.log('\nNothing was left out.')
      return
    }
    console.log('\nLeft out:')
    for (const [reason, count] of reasons)
      console.log(`  ${count} ${count === 1 ? 'test' : 'tests'}: ${reason}`)
    if (failed && env.COUNTERSIGN_TEST_ALL_ENGINES === 'required') {
      console.log('Here every engine is required: this is a failure.')
      process.exitCode = 1
    }
  }
}
