import { createHash, type KeyObject, X509Certificate } from 'node:crypto'
import { mkdir, readFile } from 'node:fs/promises'
import { spiffeId } from '@countersign/ground/spiffe'
import { writeFileAtomic } from '@countersign/ground/store'
import {
  createIntermediate,
  createRoot,
  generateKeyPair,
  type Issuer,
  readCertificate,
} from '@countersign/ground/x509'
import { AuthorityError } from '../errors.ts'
import {
  BACKDATE_MS,
  INTERMEDIATE_LIFETIME_MS,
  INTERMEDIATE_RENEW_SHARE,
  ROOT_LIFETIME_MS,
} from '../limits.ts'
import { bundlePath, instanceFolder, intermediatePlace, rootPlace } from './places.ts'
import { readSigner, writeSigner } from './signer-file.ts'

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
  /** What was made now: `root`, or the instances whose intermediate is new. */
  readonly made: readonly string[]
}

/**
 * Makes what authorities need, or what of it is missing: the root, one intermediate each, the bundle.
 * Does nothing to what is there and good, so it can run at every start; intermediates in the last third of their life
 * are replaced, with a new key. A crash on the way is mended by the next run. Only for one caller at a time.
 * Throws `AuthorityError` PKI_DAMAGED where the root is of another trust domain or does not open.
 */
export async function initialiseAuthority(options: InitialiseOptions): Promise<Initialised> {
  const { folder, instances } = options
  const made: string[] = []
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const root = await ensureRoot(options, made)
  const bundle = root.certificate
  const bundleFile = bundlePath(folder)
  if ((await readText(bundleFile)) !== bundle) await writeFileAtomic(bundleFile, bundle, 0o644)
  for (const instance of instances) await ensureIntermediate(options, { root, instance, made })
  return { bundleFile, bundle, made }
}

async function ensureRoot(options: InitialiseOptions, made: string[]): Promise<Issuer> {
  const place = rootPlace(options.folder, options.trustDomain)
  const trustDomainId = spiffeId(options.trustDomain)
  const there = await readSigner(place, options.masterKey)
  if (there !== undefined) {
    const { uris } = readCertificate(new X509Certificate(there.certificate).raw)
    if (uris[0] === trustDomainId) return there
    throw new AuthorityError('PKI_DAMAGED', `the root in ${place.path} is of another trust domain`)
  }
  const keys = await generateKeyPair()
  const certificate = await createRoot({
    trustDomainId,
    commonName: `countersign root ${options.trustDomain} ${shortHash(keys.publicKey)}`,
    keys,
    span: spanFrom(options, options.lifetimes?.rootMs ?? ROOT_LIFETIME_MS),
    pathLength: 1,
  })
  const root = { certificate, privateKey: keys.privateKey }
  await writeSigner(place, root, options.masterKey)
  made.push('root')
  return root
}

async function ensureIntermediate(
  options: InitialiseOptions,
  { root, instance, made }: { root: Issuer; instance: string; made: string[] },
): Promise<void> {
  const { folder, masterKey, trustDomain } = options
  await mkdir(instanceFolder(folder, instance), { recursive: true, mode: 0o700 })
  const place = intermediatePlace(folder, instance, trustDomain)
  const there = await readSigner(place, masterKey)
  if (there !== undefined && isGood(there, root, options)) return
  const keys = await generateKeyPair()
  const lifetimeMs = options.lifetimes?.intermediateMs ?? INTERMEDIATE_LIFETIME_MS
  const span = spanFrom(options, lifetimeMs)
  const rootEnd = new X509Certificate(root.certificate).validToDate.getTime()
  const certificate = await createIntermediate({
    issuer: root,
    trustDomainId: spiffeId(trustDomain),
    commonName: `countersign ${instance} ${trustDomain} ${shortHash(keys.publicKey)}`,
    publicKey: keys.publicKey,
    span: { ...span, notAfter: Math.min(span.notAfter, rootEnd) },
  })
  await writeSigner(place, { certificate, privateKey: keys.privateKey }, masterKey)
  made.push(instance)
}

/** Below this root, and with more than a third of its life to go. */
function isGood(
  intermediate: Issuer,
  root: Issuer,
  { now = Date.now }: InitialiseOptions,
): boolean {
  const certificate = new X509Certificate(intermediate.certificate)
  const issued = certificate.checkIssued(new X509Certificate(root.certificate))
  if (!issued || !certificate.verify(new X509Certificate(root.certificate).publicKey)) return false
  const start = certificate.validFromDate.getTime()
  const end = certificate.validToDate.getTime()
  return end - now() > (end - start) * INTERMEDIATE_RENEW_SHARE
}

function spanFrom({ now = Date.now }: InitialiseOptions, lifetimeMs: number) {
  // Older than any leaf below it can say it is.
  return { notBefore: now() - 2 * BACKDATE_MS, notAfter: now() + lifetimeMs }
}

/** Makes names of CAs unique: chains are found by them. */
function shortHash(key: KeyObject): string {
  return createHash('sha256')
    .update(key.export({ format: 'der', type: 'spki' }))
    .digest('hex')
    .slice(0, 12)
}

async function readText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
