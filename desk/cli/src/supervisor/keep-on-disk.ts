import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { writeFileAtomic } from '@countersign/ground/store'
import type { Identity, Revocations } from '@countersign/service'
import { ownFolder } from '../home/prepare.ts'
import { KEEP_TRUST_MS } from '../limits.ts'
import { type KeptTrust, TRUST_FILE } from '../mesh/kept-trust.ts'

export interface Kept {
  readonly identity: Identity
  readonly revocations: Pick<Revocations, 'words' | 'nextUpdate' | 'size' | 'onChange'>
}

/**
 * Keeps an identity on disk for programs that read files: `cert.pem`, `key.pem`, `bundle.pem` and `trust.json` (0600),
 * each replaced as a whole: at every renewal, when the roots change, and when something was taken back. The certificate
 * goes last: whoever reads between the two finds a key that does not fit, and reads again.
 */
export async function keepOnDisk(
  folder: string,
  { identity, revocations }: Kept,
  onFault: (fault: unknown) => void,
): Promise<() => void> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  await ownFolder(folder)
  const writeIdentity = async (): Promise<void> => {
    const { chain, key } = identity.current()
    await writeFileAtomic(join(folder, 'bundle.pem'), identity.bundle())
    await writeFileAtomic(join(folder, 'key.pem'), key)
    await writeFileAtomic(join(folder, 'cert.pem'), chain)
  }
  let written = ''
  const writeTrust = async (): Promise<void> => {
    const { nextUpdate, size } = revocations
    if (`${nextUpdate} ${size}` === written) return
    const kept: KeptTrust = {
      revoked: [...revocations.words()],
      nextUpdate: Math.floor(nextUpdate),
    }
    await writeFileAtomic(join(folder, TRUST_FILE), JSON.stringify(kept))
    written = `${nextUpdate} ${size}`
  }
  await writeTrust()
  await writeIdentity()
  // One after the other: an older certificate must not come after a newer one.
  let queue = Promise.resolve()
  const then = (write: () => Promise<void>) => (): void => {
    queue = queue.then(write).catch(onFault)
  }
  const stopIdentity = identity.onChange(then(writeIdentity))
  const stopTrust = revocations.onChange(then(writeTrust))
  // Each word of an authority moves the end of the list, and nobody is told of that.
  const timer = setInterval(then(writeTrust), KEEP_TRUST_MS)
  timer.unref()
  return () => {
    stopIdentity()
    stopTrust()
    clearInterval(timer)
  }
}
