import { existsSync } from 'node:fs'
import { type KeyObject, X509Certificate } from 'node:crypto'
import type { TrustState } from '@countersign/contract/platform'
import { messageOf } from '@countersign/ground/errors'
import { readCertificate } from '@countersign/ground/x509'
import { AuthorityError } from '../errors.ts'
import type { Ca } from '../pki/create-ca.ts'
import { openVault, type SignerStore } from '../pki/signer-store.ts'
import { readTrustFile } from '../pki/trust-file.ts'
import { readRootFile, writeRootFile } from './root-file.ts'

/*
 * The key of a root is needed when an intermediate is made, and else never. So it can lie off line: out of the vault,
 * in a file on a medium that is taken away. Its certificate stays, and with it all that it has signed.
 *
 * A crash is safe everywhere: the key leaves the vault only after it was written elsewhere, synced, and opened from
 * there with the passphrase; and the file is never touched by the way back. Both ways can be begun again.
 */
export interface RootMove {
  /** The folder of the authorities. */
  readonly folder: string
  readonly masterKey: KeyObject
  /** The file off line. */
  readonly file: string
  readonly passphrase: string
  /** Told what has been done so far: `written`, `read back`, `removed`; `opened`, `stored`. */
  readonly onStep?: (step: string) => void
}

/** A root that was moved. */
export interface MovedRoot {
  readonly id: string
  readonly trustDomain: string
}

/**
 * Takes the key of a root off line. `rootId` may be missing where the vault holds one key only. The authorities may run.
 * Throws `AuthorityError` ROOT_REFUSED: no such key here, a file that is there with something else; nothing was changed.
 */
export async function exportRoot(options: RootMove & { rootId?: string }): Promise<MovedRoot> {
  const { folder, masterKey, file, passphrase, onStep = () => {} } = options
  const trustDomain = trustDomainOf(await trustIn(folder))
  const vault = openVault({ folder, masterKey, trustDomain })
  const root = await rootIn(vault, options.rootId)
  // A file that is there already may be what a crashed run has left: then that run goes on here.
  if (!existsSync(file)) await write(file, { root, trustDomain, passphrase })
  onStep('written')
  const back = readRootFile(file, passphrase)
  if (!sameKey(back, root))
    throw new AuthorityError('ROOT_REFUSED', `${file} is there already and holds another key`)
  onStep('read back')
  await vault.remove(root.id)
  onStep('removed')
  return { id: root.id, trustDomain }
}

/**
 * Brings the key of a root back into the vault, for the rare act; the file stays where it is. The authorities may run.
 * Throws `AuthorityError` ROOT_REFUSED: another passphrase, a file that was changed, a root that is not in the bundle,
 * a key that is here already; nothing was changed.
 */
export async function importRoot(options: RootMove): Promise<MovedRoot> {
  const { folder, masterKey, file, passphrase, onStep = () => {} } = options
  const state = await trustIn(folder)
  const trustDomain = trustDomainOf(state)
  const root = readRootFile(file, passphrase)
  onStep('opened')
  const known = state.roots.entries.find(({ id }) => id === root.id)
  if (known === undefined || !sameCertificate(known.certificate, root.certificate))
    throw new AuthorityError(
      'ROOT_REFUSED',
      `the root ${root.id} of ${root.trustDomain} is none that ${trustDomain} trusts; its roots: ${idsOf(state)}`,
    )
  const vault = openVault({ folder, masterKey, trustDomain })
  if ((await vault.read(root.id)) !== undefined)
    throw new AuthorityError('ROOT_REFUSED', `the key of the root ${root.id} is here already`)
  const { id, certificate, privateKey } = root
  await vault.write({ id, certificate, privateKey })
  const back = await vault.read(id)
  if (back === undefined || !sameKey(back, root))
    throw new AuthorityError('PKI_DAMAGED', `the root ${id} cannot be read back from the vault`)
  onStep('stored')
  return { id, trustDomain }
}

async function trustIn(folder: string): Promise<TrustState> {
  const state = await readTrustFile(folder)
  if (state !== undefined) return state
  throw new AuthorityError('PKI_MISSING', `${folder} is no folder of authorities that have started`)
}

function trustDomainOf({ roots }: TrustState): string {
  const [entry] = roots.entries
  const uri =
    entry === undefined ? '' : readCertificate(new X509Certificate(entry.certificate).raw).uris[0]
  return (uri ?? '').replace(/^spiffe:\/\//, '')
}

async function rootIn(vault: SignerStore, wanted: string | undefined): Promise<Ca> {
  const ids = await vault.list()
  if (wanted === undefined && ids.length > 1)
    throw refusal(`there are several roots, name one of them: ${ids.join(', ')}`)
  const id = wanted ?? ids[0]
  const root = id !== undefined && ids.includes(id) ? await vault.read(id) : undefined
  if (root !== undefined) return root
  const here = ids.length === 0 ? 'none: they are off line' : ids.join(', ')
  const which = wanted === undefined ? 'of a root' : `of the root ${wanted}`
  throw refusal(`the key ${which} is not here; here are ${here}`)
}

async function write(
  file: string,
  options: { root: Ca; trustDomain: string; passphrase: string },
): Promise<void> {
  try {
    await writeRootFile(file, options)
  } catch (cause) {
    throw new AuthorityError('ROOT_REFUSED', messageOf(cause), { cause })
  }
}

function sameKey(a: Ca, b: Ca): boolean {
  return sameCertificate(a.certificate, b.certificate) && a.privateKey.equals(b.privateKey)
}

function sameCertificate(a: string, b: string): boolean {
  return new X509Certificate(a).raw.equals(new X509Certificate(b).raw)
}

function idsOf({ roots }: TrustState): string {
  return roots.entries.map(({ id }) => id).join(', ')
}

function refusal(message: string): AuthorityError {
  return new AuthorityError('ROOT_REFUSED', message)
}
