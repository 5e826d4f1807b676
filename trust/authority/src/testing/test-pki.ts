import { createPrivateKey } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TrustState } from '@countersign/contract/platform'
import { spiffeId } from '@countersign/ground/spiffe'
import { createLog, type Log } from '@countersign/ground/telemetry'
import {
  createIntermediate,
  createRoot,
  generateKeyPair,
  type Issuer,
  keyIdOf,
  type Span,
} from '@countersign/ground/x509'
import { AuthorityError } from '../errors.ts'
import type { Revocations, Signer, Signers, Trust } from '../issuing/ports.ts'

/* Real keys and certificates, without the folders, peers and rotations that an authority has them from. */

export const TRUST_DOMAIN = 'test.local'
export const silent: Log = createLog({ service: 'test', node: 'test-1', level: 'silent' })
const DAY = 86_400_000

/** A root and one intermediate for each authority, with the folders that those start from. */
export interface Pki extends Trust {
  readonly folder: string
  /** PEM of the root. */
  readonly root: string
  signersOf(instance: string): Signers
}

export async function createPki(
  folder: string,
  options: { instances?: readonly string[]; now?: number; intermediateMs?: number } = {},
): Promise<Pki> {
  const { instances = ['authority-1', 'authority-2', 'authority-3'], now = Date.now() } = options
  const trustDomainId = spiffeId(TRUST_DOMAIN)
  const span = { notBefore: now - 60_000, notAfter: now + 3_652 * DAY }
  const keys = await generateKeyPair()
  const common = { trustDomainId, span }
  const commonName = `test root ${keyIdOf(keys.publicKey)}`
  const root = createRoot({ ...common, commonName, keys, pathLength: 2 })
  const id = keyIdOf(keys.publicKey)
  const issuer = { id, certificate: root, privateKey: keys.privateKey }
  writeFileSync(join(folder, 'root.pem'), root)
  const below = new Map<string, Signer>()
  const end = now + (options.intermediateMs ?? 365 * DAY)
  for (const instance of instances) {
    mkdirSync(join(folder, instance, 'signers'), { recursive: true, mode: 0o700 })
    below.set(instance, await createSigner(issuer, instance, { ...span, notAfter: end }))
  }
  writeFileSync(fileIn(folder), JSON.stringify([...below].map(toSaved)), { mode: 0o600 })
  return pkiOf(folder, { id, certificate: root }, below)
}

/** What `createPki` made in this folder, for another process. */
export function openPki(folder: string): Pki {
  const saved = JSON.parse(readFileSync(fileIn(folder), 'utf8')) as ReturnType<typeof toSaved>[]
  const root = readFileSync(join(folder, 'root.pem'), 'utf8')
  const below = new Map(
    saved.map(({ instance, key, ...signer }) => [
      instance,
      { ...signer, privateKey: createPrivateKey(key) },
    ]),
  )
  return pkiOf(folder, { id: saved[0]?.root ?? '', certificate: root }, below)
}

const fileIn = (folder: string): string => join(folder, 'test-pki.json')
function toSaved([instance, { privateKey, ...signer }]: [string, Signer]) {
  const key = privateKey.export({ format: 'pem', type: 'pkcs8' }).toString()
  return { instance, key, ...signer }
}

function pkiOf(
  folder: string,
  root: { readonly id: string; readonly certificate: string },
  below: ReadonlyMap<string, Signer>,
): Pki {
  const state = stateOf(root, below)
  const { certificate } = root
  return {
    ...{ folder, root: certificate, state: () => state },
    ...{ bundle: () => certificate, sequence: () => 1 },
    signersOf: (instance) => signersOf(below.get(instance)),
  }
}

async function createSigner(
  root: Issuer & { readonly id: string },
  instance: string,
  span: Span,
): Promise<Signer> {
  const { publicKey, privateKey } = await generateKeyPair()
  const certificate = createIntermediate({
    ...{ issuer: root, trustDomainId: spiffeId(TRUST_DOMAIN), publicKey, span },
    commonName: `test ${instance} ${keyIdOf(publicKey)}`,
  })
  const wholeSeconds = (ms: number): number => Math.floor(ms / 1_000) * 1_000
  return {
    ...{ certificate, privateKey, id: keyIdOf(publicKey), root: root.id },
    span: { notBefore: wholeSeconds(span.notBefore), notAfter: wholeSeconds(span.notAfter) },
    state: 'active',
  }
}

function signersOf(signer: Signer | undefined): Signers {
  return {
    active: () => {
      if (signer !== undefined) return signer
      throw new AuthorityError('PKI_MISSING', 'there is no intermediate')
    },
    all: () => (signer === undefined ? [] : [signer]),
  }
}

function stateOf(
  root: { readonly id: string; readonly certificate: string },
  below: ReadonlyMap<string, Signer>,
): TrustState {
  const section = ({ id, root: above, certificate }: Signer) => ({
    version: 1,
    entries: [{ id, root: above, certificate, state: 'active' as const, since: 0 }],
  })
  return {
    roots: { version: 1, entries: [{ ...root, state: 'active', since: 0 }] },
    authorities: Object.fromEntries([...below].map(([name, signer]) => [name, section(signer)])),
  }
}

/** A list of what was taken back, to write on. */
export interface TestRevocations extends Revocations {
  readonly lineages: Set<string>
  readonly keys: Set<string>
}
export function createRevocations(): TestRevocations {
  const lineages = new Set<string>()
  const keys = new Set<string>()
  return {
    ...{ lineages, keys },
    has: ({ serial, lineage }) => lineages.has(serial) || lineages.has(lineage ?? ''),
    isCompromised: (keyHash) => keys.has(keyHash),
  }
}
