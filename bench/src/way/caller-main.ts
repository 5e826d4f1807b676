import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { joinMesh } from '@countersign/service'

/*
 * Joins as a workload, started by `countersign run`, and lends its certificate to the load generator, which then calls a
 * service as one workload calls another: without a gateway in between. The folder is its parent's own.
 */
const folder = process.env.BENCH_FOLDER ?? ''
const mesh = await joinMesh('bench-caller', process.env)
const { chain, key } = mesh.identity.current()
writeFileSync(join(folder, 'caller.pem'), chain, { mode: 0o600 })
writeFileSync(join(folder, 'caller.key'), key, { mode: 0o600 })
process.once('SIGTERM', () => {
  void mesh.close().then(() => process.exit(0))
})
console.log('joined')
