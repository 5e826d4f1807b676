import { mkdir } from 'node:fs/promises'
import type { Log } from '@countersign/ground/telemetry'
import type { AuthorityConfig } from './config/config.ts'
import { type Authority, openAuthority } from './issuing/authority.ts'
import { createIssuedReader } from './issuing/issued-reader.ts'
import { requirePrivate } from './keys/check-modes.ts'
import { instanceFolder } from './pki/places.ts'
import { openVault, type SignerStore } from './pki/signer-store.ts'
import type { FindElsewhere } from './revocation/ports.ts'
import { openRevocations, type Revocations } from './revocation/revocations.ts'
import { statusUrls } from './revocation/status-routes.ts'
import { intermediatesOf } from './revocation/trusted-cas.ts'
import { openStore, type Store } from './store/store.ts'
import { openTrust } from './trust/open-trust.ts'
import type { Trust } from './trust/trust.ts'

export interface HouseOptions {
  readonly config: AuthorityConfig
  readonly instance: string
  readonly trustDomain: string
  readonly log: Log
}

/** What one authority is made of before it knows anybody: its store, its keys, its book of what was taken back. */
export interface House {
  readonly store: Store
  readonly trust: Trust
  readonly revocations: Revocations
  readonly authority: Authority
  /** The keys of the roots, where they are not kept off line. */
  readonly vault: SignerStore
  /** From now on there are other authorities to ask. */
  askElsewhere(ask: FindElsewhere): void
  close(): Promise<void>
}

/**
 * Opens the folder of one authority. Refuses modes that let others in, before anything is read.
 * Throws `AuthorityError` MODES_TOO_WIDE, PKI_MISSING, PKI_DAMAGED.
 */
export async function openHouse({
  config,
  instance,
  trustDomain,
  log,
}: HouseOptions): Promise<House> {
  const { folder, masterKey, lifetimes, rotation, leafLifetimeSeconds, outside } = config
  requirePrivate([folder])
  const own = instanceFolder(folder, instance)
  await mkdir(own, { recursive: true, mode: 0o700 })
  const store = openStore(own)
  try {
    const shared = { folder, instance, trustDomain, store, log }
    const trust = await openTrust({ ...shared, masterKey, lifetimes, rotation })
    let elsewhere: FindElsewhere = async () => ({ found: [], silent: [] })
    const revocations = openRevocations({
      ...{ store, log, now: Date.now, issued: createIssuedReader(store, Date.now) },
      intermediates: () => intermediatesOf(trust.state()),
      findElsewhere: (query) => elsewhere(query),
    })
    const authority = await openAuthority({
      ...{ ...shared, leafLifetimeSeconds, signers: trust.signers, trust, revocations },
      ...(outside === undefined
        ? {}
        : { statusUrls: (issuer: string) => statusUrls(outside.url, issuer) }),
    })
    return {
      ...{ store, trust, revocations, authority },
      vault: openVault({ folder, masterKey, trustDomain }),
      askElsewhere: (ask) => {
        elsewhere = ask
      },
      close: async () => {
        revocations.close()
        await trust.close()
        await store.close()
      },
    }
  } catch (error) {
    await store.close()
    throw error
  }
}
