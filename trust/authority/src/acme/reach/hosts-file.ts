import { readFile, stat } from 'node:fs/promises'
import { isIP } from 'node:net'
import { HOSTS_BYTES_MAX } from '../limits.ts'

/**
 * The addresses that a hosts file (hosts(5)) has for a canonical name; none where there is no such file, or one that is
 * too long. Read anew each time: its owner changes it for just this. A resolver that asks DNS servers does not look there.
 */
export async function addressesInHosts(path: string, name: string): Promise<readonly string[]> {
  try {
    if (!((await stat(path)).size <= HOSTS_BYTES_MAX)) return []
    const found = (await readFile(path, 'latin1')).split('\n').flatMap((line) => {
      const [address = '', ...names] = (line.split('#', 1)[0] ?? '').trim().split(/\s+/)
      const isNamed = names.some((each) => each.toLowerCase() === name)
      return isNamed && isIP(address) !== 0 ? [address] : []
    })
    return [...new Set(found)]
  } catch {
    return []
  }
}
