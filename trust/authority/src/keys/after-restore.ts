import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { openStore } from '../store/store.ts'

/**
 * Makes the folder of the authorities safe to go on with after it came from a backup: every join token of that time
 * counts as spent. One that was spent since the backup would be good a second time otherwise. Only before an authority
 * runs. Serials are random and numbers of lists grow with the clock, so neither comes twice.
 */
export async function afterRestore(folder: string): Promise<void> {
  for (const instance of readdirSync(folder)) {
    const path = join(folder, instance)
    if (!existsSync(join(path, 'authority.db'))) continue
    const store = openStore(path)
    try {
      await store.write(() => store.db.exec('UPDATE join_tokens SET spent = 1'))
    } finally {
      await store.close()
    }
  }
}
