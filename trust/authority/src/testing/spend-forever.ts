import { openStore } from '../store/store.ts'
import { JoinTokens } from '../token/join-tokens.ts'
import { silent } from './test-pki.ts'

/* Spends tokens one after another and says which, until it is killed. */
const [folder = '', ...hashes] = process.argv.slice(2)
const tokens = await JoinTokens.open({
  store: openStore(folder),
  folder,
  now: Date.now,
  log: silent,
})
for (const hash of hashes) {
  await tokens.spend(hash)
  process.stdout.write(`${hash}\n`)
}
