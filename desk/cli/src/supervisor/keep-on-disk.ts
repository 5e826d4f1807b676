import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { writeFileAtomic } from '@countersign/ground/store'
import type { Identity } from '@countersign/service'
import { ownFolder } from '../home/prepare.ts'

/**
 * Keeps an identity on disk for programs that read files: `cert.pem`, `key.pem` and `bundle.pem` (0600), each replaced
 * as a whole at every renewal. The key goes last but one and the certificate last: whoever reads between the two fails
 * to connect once and reads again.
 */
export async function keepOnDisk(
  folder: string,
  identity: Identity,
  onFault: (fault: unknown) => void,
): Promise<() => void> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  await ownFolder(folder)
  const write = async (): Promise<void> => {
    const { chain, key } = identity.current()
    await writeFileAtomic(join(folder, 'bundle.pem'), identity.bundle())
    await writeFileAtomic(join(folder, 'key.pem'), key)
    await writeFileAtomic(join(folder, 'cert.pem'), chain)
  }
  await write()
  // One after the other: an older certificate must not come after a newer one.
  let queue = Promise.resolve()
  return identity.onChange(() => {
    queue = queue.then(write).catch(onFault)
  })
}
