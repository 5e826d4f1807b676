import { X509Certificate } from 'node:crypto'
import { chmod, readFile } from 'node:fs/promises'
import { type RootEntry, type TrustState, trustStateSchema } from '@countersign/contract/platform'
import { spiffeId } from '@countersign/ground/spiffe'
import { writeFileAtomic } from '@countersign/ground/store'
import { keyIdOf, readCertificate, readPem } from '@countersign/ground/x509'
import { AuthorityError } from '../errors.ts'
import { bundleOf, merge } from '../trust/domain/trust-state.ts'
import { TRUST_FILE_BYTES_MAX } from '../trust/limits.ts'
import { spanOf } from './create-ca.ts'
import { bundlePath, trustPath } from './places.ts'
import type { SignerStore } from './signer-store.ts'

/*
 * What the folder says of trust, for whoever has no word of an authority yet: `bundle.pem` for workloads that join, and
 * `trust.json` for an authority that starts with an empty store, or after the roots were changed without it. Both are
 * written anew at each change. Nothing in them is secret; whoever may write here could as well write the bundle.
 */

/** The state in `trust.json`; `undefined` where there is none. Throws `AuthorityError` PKI_DAMAGED. */
export async function readTrustFile(folder: string): Promise<TrustState | undefined> {
  const path = trustPath(folder)
  const text = await readText(path)
  if (text === undefined) return undefined
  if (!(text.length <= TRUST_FILE_BYTES_MAX))
    throw new AuthorityError('PKI_DAMAGED', `${path} is too long`)
  try {
    return trustStateSchema.parse(JSON.parse(text))
  } catch (cause) {
    throw new AuthorityError('PKI_DAMAGED', `${path} cannot be read`, { cause })
  }
}

/**
 * Writes `trust.json` and `bundle.pem`, each as a whole and only where it differs. Durable on return. The authorities of one
 * machine share them: one that has not heard of a change yet does not take it back.
 */
export async function writeTrustFiles(folder: string, known: TrustState): Promise<void> {
  const there = await readTrustFile(folder).catch(() => undefined)
  const state = there === undefined ? known : merge(there, known)
  const text = `${JSON.stringify(state, null, 2)}\n`
  const bundle = bundleOf(state)
  if ((await readText(trustPath(folder))) !== text) await writeFileAtomic(trustPath(folder), text)
  if ((await readText(bundlePath(folder))) !== bundle)
    await writeFileAtomic(bundlePath(folder), bundle)
  // Everybody may read it. Not so what a crash would leave of it on the way: a start looks at the modes of all files.
  await chmod(bundlePath(folder), 0o644)
}

/**
 * The state of a folder that has no `trust.json`: its one root, from the vault or, while that is empty, from the bundle.
 * `undefined` where there is no root at all. With several nobody can tell which of them signs: that is PKI_DAMAGED.
 */
export async function firstState(
  folder: string,
  options: { readonly vault: SignerStore; readonly trustDomain: string },
): Promise<TrustState | undefined> {
  const { vault, trustDomain } = options
  const certificates = new Map<string, string>()
  for (const id of await vault.list()) {
    const root = await vault.read(id)
    if (root !== undefined) certificates.set(id, root.certificate)
  }
  const bundle = certificates.size > 0 ? undefined : await readText(bundlePath(folder))
  for (const [id, pem] of bundle === undefined ? [] : rootsIn(bundle, trustDomain))
    certificates.set(id, pem)
  const [only, ...others] = certificates
  if (only === undefined) return undefined
  if (others.length === 0) return stateOfRoot(only[0], only[1])
  const message = `${trustPath(folder)} is missing, and there are several roots: nobody knows which of them signs`
  throw new AuthorityError('PKI_DAMAGED', message)
}

/** The state in which a trust domain begins. The same at every authority: times come from the certificate. */
export function stateOfRoot(id: string, certificate: string): TrustState {
  const { notBefore: since } = spanOf(certificate)
  const entry: RootEntry = { id, certificate, state: 'active', since, sequence: 1 }
  return { roots: { version: 1, entries: [entry] }, authorities: {} }
}

function rootsIn(bundle: string, trustDomain: string): [id: string, pem: string][] {
  try {
    return readPem(bundle, 'CERTIFICATE').map((der) => {
      const certificate = new X509Certificate(der)
      if (readCertificate(der).uris[0] !== spiffeId(trustDomain))
        throw new Error('a root is of another trust domain')
      return [keyIdOf(certificate), certificate.toString()]
    })
  } catch (cause) {
    throw new AuthorityError('PKI_DAMAGED', 'bundle.pem cannot be read', { cause })
  }
}

async function readText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
