import { type KeyObject, X509Certificate } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { spiffeId } from '@countersign/ground/spiffe'
import { syncFolder } from '@countersign/ground/store'
import { keyIdOf, readCertificate } from '@countersign/ground/x509'
import { AuthorityError } from '../errors.ts'
import { releasedRootPlace, releasedSignerPlace } from './places.ts'
import { type Place, readSigner } from './signer-file.ts'
import { openSigners, openVault, type SignerStore } from './signer-store.ts'

/**
 * Takes over a folder of the first release: the root into the vault, the intermediates into folders of their own. The
 * keys stay the same, and what they have signed stays good. A file of before goes when its key lies in its new
 * place, so a crash on the way is mended by the next run. Several authorities may run it at once.
 */
export async function migrateLayout(
  keys: { readonly folder: string; readonly masterKey: KeyObject; readonly trustDomain: string },
  instances: readonly string[],
): Promise<void> {
  const { folder, trustDomain, masterKey } = keys
  await take(releasedRootPlace(folder, trustDomain), openVault(keys), masterKey)
  for (const instance of instances) {
    const place = releasedSignerPlace(folder, instance, trustDomain)
    await take(place, openSigners(keys, instance), masterKey)
  }
}

async function take(place: Place, store: SignerStore, masterKey: KeyObject): Promise<void> {
  const signer = await readSigner(place, masterKey)
  if (signer === undefined) return
  const certificate = new X509Certificate(signer.certificate)
  if (readCertificate(certificate.raw).uris[0] !== spiffeId(place.trustDomain)) {
    throw new AuthorityError('PKI_DAMAGED', `the CA in ${place.path} is of another trust domain`)
  }
  await store.write({ id: keyIdOf(certificate), ...signer })
  await rm(place.path, { force: true })
  await syncFolder(dirname(place.path))
}
