import { flushCompileCache } from 'node:module'
import { readMasterKey } from '@countersign/ground/seal'
import { exportRoot, importRoot } from '../keys/offline-root.ts'

/*
 * Takes a root off line or back, and is killed in the middle of it: `move-root.ts <way> <folder> <master key> <file>
 * <passphrase> <step>`. Says when it begins, so that its parent can also kill it at any moment.
 */
// Whoever is killed writes no cache at its end.
flushCompileCache()
const [way, folder = '', keyFile = '', file = '', passphrase = '', step] = process.argv.slice(2)
const move = way === 'export' ? exportRoot : importRoot
process.send?.('begins')
await move({
  folder,
  masterKey: readMasterKey(keyFile),
  file,
  passphrase,
  onStep: (done) => {
    if (done === step) process.kill(process.pid, 'SIGKILL')
  },
})
process.send?.('done')
