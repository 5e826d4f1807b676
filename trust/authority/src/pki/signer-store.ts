import { type KeyObject, X509Certificate } from 'node:crypto'
import { mkdir, readdir, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { spiffeId } from '@countersign/ground/spiffe'
import { syncFolder } from '@countersign/ground/store'
import { keyIdOf, readCertificate } from '@countersign/ground/x509'
import { AuthorityError } from '../errors.ts'
import { SIGNER_FILES_MAX } from '../trust/limits.ts'
import type { Ca } from './create-ca.ts'
import { rootPlace, signerPlace, signersFolder, vaultFolder } from './places.ts'
import { type Place, readSigner, writeSigner } from './signer-file.ts'

export interface KeyFolder {
  readonly folder: string
  readonly trustDomain: string
  readonly masterKey: KeyObject
}

/**
 * CAs by their key ids, a file each: the vault of the roots, or the intermediates of one authority. What it says is
 * durable when it returns. `read` and `write` throw `AuthorityError` PKI_DAMAGED.
 */
export interface SignerStore {
  /** Ids of what is there. */
  list(): Promise<string[]>
  /** `undefined` where there is none: the key is off line, or was destroyed. */
  read(id: string): Promise<Ca | undefined>
  write(ca: Ca): Promise<void>
  /** Destroys the key. Does nothing where there is none. */
  remove(id: string): Promise<void>
}

/** The keys of the roots, for the authorities of one machine together. */
export function openVault(keys: KeyFolder): SignerStore {
  const placeOf = (id: string) => rootPlace(keys.folder, keys.trustDomain, id)
  return openFolder(keys, vaultFolder(keys.folder), placeOf)
}

/** The intermediates of one authority. */
export function openSigners(keys: KeyFolder, instance: string): SignerStore {
  const { folder, trustDomain } = keys
  const placeOf = (id: string) => signerPlace(folder, { instance, trustDomain, id })
  return openFolder(keys, signersFolder(folder, instance), placeOf)
}

function openFolder(keys: KeyFolder, path: string, placeOf: (id: string) => Place): SignerStore {
  return {
    list: () => listIds(path),
    read: async (id) => {
      const place = placeOf(id)
      const signer = await readSigner(place, keys.masterKey)
      if (signer === undefined) return undefined
      checkCa(place, id, signer.certificate)
      return { id, ...signer }
    },
    write: async (ca) => {
      await mkdir(path, { recursive: true, mode: 0o700 })
      await syncFolder(dirname(path))
      await writeSigner(placeOf(ca.id), ca, keys.masterKey)
    },
    remove: async (id) => {
      await rm(placeOf(id).path, { force: true })
      await syncFolder(path).catch(ignoreMissing)
    },
  }
}

async function listIds(path: string): Promise<string[]> {
  const names = await readdir(path).catch((error: NodeJS.ErrnoException) => {
    ignoreMissing(error)
    return []
  })
  const ids = names.map((name) => /^([0-9a-f]{40})\.json$/.exec(name)?.[1] ?? '')
  const found = ids.filter((id) => id !== '').toSorted()
  if (found.length <= SIGNER_FILES_MAX) return found
  throw new AuthorityError('PKI_DAMAGED', `${path} holds more keys than can be ours`)
}

function checkCa({ path, trustDomain }: Place, id: string, certificate: string): void {
  const parsed = new X509Certificate(certificate)
  const fault =
    keyIdOf(parsed) !== id
      ? 'is of another key than its name says'
      : readCertificate(parsed.raw).uris[0] !== spiffeId(trustDomain)
        ? 'is of another trust domain'
        : undefined
  if (fault !== undefined)
    throw new AuthorityError('PKI_DAMAGED', `the certificate in ${path} ${fault}`)
}

function ignoreMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error
}
