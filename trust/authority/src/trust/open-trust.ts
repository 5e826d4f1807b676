import { mkdir } from 'node:fs/promises'
import { AuthorityError } from '../errors.ts'
import type { Ca } from '../pki/create-ca.ts'
import { migrateLayout } from '../pki/migrate-layout.ts'
import { instanceFolder } from '../pki/places.ts'
import { openSigners, openVault } from '../pki/signer-store.ts'
import { firstState, readTrustFile } from '../pki/trust-file.ts'
import { join } from './domain/branches.ts'
import { merge } from './domain/trust-state.ts'
import { Trust } from './trust.ts'
import type { TrustOptions } from './trust-view.ts'
import { type Known, openTrustStore, type TrustStore } from './trust-store.ts'

/**
 * Opens what one authority knows of trust: its store, its keys, and what the folder says. A folder of the first release
 * is taken over; keys that were destroyed and whose files are still there go; missing intermediates are made.
 * Throws `AuthorityError` PKI_MISSING where there is no root, PKI_DAMAGED where something cannot be read.
 */
export async function openTrust(options: TrustOptions): Promise<Trust> {
  const { folder, instance } = options
  await mkdir(instanceFolder(folder, instance), { recursive: true, mode: 0o700 })
  await migrateLayout(options, [instance])
  const store = openTrustStore(options.store)
  const [vault, signers] = [openVault(options), openSigners(options, instance)]
  const known = await readKnown(options, store)
  const keys = new Map<string, Ca>()
  for (const id of await vault.list()) if (store.isGone(id)) await vault.remove(id)
  for (const id of await signers.list()) {
    if (store.isGone(id)) await signers.remove(id)
    else await load(id)
  }
  const trust = new Trust(options, { store, vault, signers, keys, known })
  await trust.reconcile()
  await trust.writeFiles()
  return trust

  async function load(id: string): Promise<void> {
    const ca = await signers.read(id)
    if (ca !== undefined) keys.set(id, ca)
  }
}

async function readKnown(options: TrustOptions, store: TrustStore): Promise<Known> {
  const { folder, trustDomain } = options
  const own = store.read()
  if (own !== undefined) {
    const said = await readTrustFile(folder).catch((err: unknown) => {
      options.log.warn({ err }, 'the store knows better; the file is written anew')
      return undefined
    })
    if (said === undefined) return own
    const branch = join(own.branch, { roots: said.roots, trail: {} })
    const { authorities } = merge({ roots: branch.roots, authorities: own.authorities }, said)
    return { branch, authorities }
  }
  const state =
    (await readTrustFile(folder)) ??
    (await firstState(folder, { vault: openVault(options), trustDomain }))
  if (state !== undefined)
    return { branch: { roots: state.roots, trail: {} }, authorities: state.authorities }
  const message = `${folder} has not been initialised: there is no root`
  throw new AuthorityError('PKI_MISSING', message)
}
