import type { KeyObject } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import type { TrustState } from '@countersign/contract/platform'
import { spiffeId } from '@countersign/ground/spiffe'
import { readCertificate, readPem } from '@countersign/ground/x509'
import { AuthorityError } from '../errors.ts'
import { requirePrivate } from '../keys/check-modes.ts'
import { INTERMEDIATE_LIFETIME_MS, ROOT_LIFETIME_MS } from '../limits.ts'
import { bundleOf } from '../trust/domain/trust-state.ts'
import { makeIntermediate, makeRoot } from './create-ca.ts'
import { migrateLayout } from './migrate-layout.ts'
import { bundlePath, instanceFolder, trustPath } from './places.ts'
import { openSigners, openVault } from './signer-store.ts'
import { firstState, readTrustFile, stateOfRoot, writeTrustFiles } from './trust-file.ts'

export interface InitialiseOptions {
  /** Made where it is missing, mode 0700. */
  readonly folder: string
  readonly masterKey: KeyObject
  readonly trustDomain: string
  readonly instances: readonly string[]
  /** In milliseconds; ten years and one year where nothing is said. */
  readonly lifetimes?: { readonly rootMs?: number; readonly intermediateMs?: number }
  readonly now?: () => number
}
export interface Initialised {
  /** File with the PEM of the roots, for `COUNTERSIGN_TRUST_BUNDLE_FILE`. */
  readonly bundleFile: string
  readonly bundle: string
  /** What was made now: `root`, or the instances whose first intermediate is new. */
  readonly made: readonly string[]
}

/**
 * Makes what authorities need to start for the first time, or what of it is missing: the first root, one intermediate
 * each, the bundle. Does nothing to what is there, so it can run at every start: what comes later is the authorities'
 * own business. A folder of the first release is taken over. A crash on the way is mended by the next run. Only for one
 * caller at a time. Throws `AuthorityError` PKI_DAMAGED where the roots are of another trust domain or do not open, and
 * MODES_TOO_WIDE where others may read or change what is there.
 */
export async function initialiseAuthority(options: InitialiseOptions): Promise<Initialised> {
  const { folder, instances } = options
  const made: string[] = []
  for (const instance of instances) instanceFolder(folder, instance)
  await mkdir(folder, { recursive: true, mode: 0o700 })
  requirePrivate([folder])
  await migrateLayout(options, instances)
  const state = await ensureRoot(options, made)
  await writeTrustFiles(folder, state)
  for (const instance of instances) await ensureIntermediate(options, { state, instance, made })
  return { bundleFile: bundlePath(folder), bundle: bundleOf(state), made }
}

async function ensureRoot(options: InitialiseOptions, made: string[]): Promise<TrustState> {
  const { folder, trustDomain, now = Date.now } = options
  const vault = openVault(options)
  const known = (await readTrustFile(folder)) ?? (await firstState(folder, { vault, trustDomain }))
  if (known !== undefined) {
    await checkRoots(options, known)
    return known
  }
  const lifetimeMs = options.lifetimes?.rootMs ?? ROOT_LIFETIME_MS
  const root = await makeRoot({ trustDomain, now: now(), lifetimeMs })
  await vault.write(root)
  made.push('root')
  return stateOfRoot(root.id, root.certificate)
}

/** Every root is of this trust domain, and those whose keys are here open. */
async function checkRoots(options: InitialiseOptions, state: TrustState): Promise<void> {
  const vault = openVault(options)
  for (const { id, certificate } of state.roots.entries) {
    const [der] = readPem(certificate, 'CERTIFICATE')
    if (der === undefined || readCertificate(der).uris[0] !== spiffeId(options.trustDomain)) {
      const message = `a root in ${trustPath(options.folder)} is of another trust domain`
      throw new AuthorityError('PKI_DAMAGED', message)
    }
    await vault.read(id)
  }
}

async function ensureIntermediate(
  options: InitialiseOptions,
  { state, instance, made }: { state: TrustState; instance: string; made: string[] },
): Promise<void> {
  const { folder, trustDomain, now = Date.now } = options
  await mkdir(instanceFolder(folder, instance), { recursive: true, mode: 0o700 })
  const signers = openSigners(options, instance)
  const ids = await signers.list()
  for (const id of ids) await signers.read(id)
  if (ids.length > 0) return
  const active = state.roots.entries.find((root) => root.state === 'active')
  const root = active && (await openVault(options).read(active.id))
  // With the key off line only an operator can help; the authority says so when it starts.
  if (root === undefined) return
  const lifetimeMs = options.lifetimes?.intermediateMs ?? INTERMEDIATE_LIFETIME_MS
  const common = { trustDomain, now: now(), lifetimeMs }
  await signers.write(await makeIntermediate({ ...common, root, instance }))
  made.push(instance)
}
