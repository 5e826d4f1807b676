import { createLog } from '@countersign/ground/telemetry'
import { JoinTokens } from '../token/join-tokens.ts'

/* Spends tokens one after another and says which, until it is killed. */
const [folder = '', ...hashes] = process.argv.slice(2)
const log = createLog({ service: 'test', node: 'test-1', level: 'silent' })
const tokens = await JoinTokens.open(folder, { now: Date.now, log })
for (const hash of hashes) {
  await tokens.spend(hash)
  process.stdout.write(`${hash}\n`)
}
