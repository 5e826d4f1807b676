import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type SpiffeId, spiffeId } from '@countersign/ground/spiffe'
import { has } from '@countersign/ground/testkit'
import {
  createIntermediate,
  createRoot,
  createSvid,
  generateKeyPair,
  type Issuer,
  readPem,
} from '@countersign/ground/x509'
import type { Refusal } from '@countersign/layers'
import { TestDirectory } from '../testing/directory.ts'
import { FakeRequest } from '../testing/exchange.ts'
import { access, instanceOf } from '../testing/run.ts'
import { type TestTools, testTools } from '../testing/tools.ts'
import { mtlsAuth } from './mtls-auth.ts'

/* Authorities and clients of a partner, a stranger and the platform, and a gateway that knows two of them. */

export const HOUR = 3_600_000
/** What openssl makes begins when it is made: the clock of the tests is past that. */
export const NOW = Date.now() + 60_000
export const span = { notBefore: NOW - HOUR, notAfter: NOW + HOUR }

export interface Authority {
  readonly root: string
  readonly intermediate: string
  readonly issuer: Issuer
  readonly domain: string
}
export async function createAuthority(domain: string): Promise<Authority> {
  const [keys, below] = [await generateKeyPair(), await generateKeyPair()]
  const common = { trustDomainId: spiffeId(domain), span }
  const root = createRoot({ ...common, commonName: `${domain} root`, keys, pathLength: 1 })
  const intermediate = createIntermediate({
    ...{ ...common, commonName: `${domain} issuer`, publicKey: below.publicKey },
    issuer: { certificate: root, privateKey: keys.privateKey },
  })
  const issuer = { certificate: intermediate, privateKey: below.privateKey }
  return { root, intermediate, issuer, domain }
}
export const der = (...pem: readonly string[]): Buffer[] =>
  pem.flatMap((text) => readPem(text, 'CERTIFICATE'))

export interface Wanted {
  readonly hostNames?: readonly string[]
  readonly serial?: string
  readonly lineage?: string
  readonly notAfter?: number
}
export const id = (domain: string, name: string): SpiffeId => spiffeId(domain, 'service', name)
export async function client(of: Authority, name: string, wanted: Wanted = {}): Promise<string> {
  const { publicKey } = await generateKeyPair()
  const { notAfter = span.notAfter, ...rest } = wanted
  const common = { issuer: of.issuer, publicKey, span: { ...span, notAfter } }
  return createSvid({ ...common, id: id(of.domain, name), ...rest })
}

export class MtlsHouse {
  readonly directory = new TestDirectory()
  readonly tools: TestTools
  /** Serials and lineages that the platform took back. */
  readonly taken = new Set<string>()
  tooOld = false

  constructor(partner: Authority, platform: Authority) {
    this.directory.addAuthority('partner-root', partner.root, ['partners'])
    this.directory.addAuthority('partner-issuer', partner.intermediate)
    this.directory.addAuthority('platform-root', platform.root, ['ca-cert-id'])
    this.directory.add('shop.partner.test')
    this.tools = testTools({
      directory: this.directory,
      platform: {
        bundle: () => platform.root,
        revocations: {
          refusalOf: ({ serial, lineage }) =>
            this.taken.has(serial) || this.taken.has(lineage ?? '')
              ? 'REVOKED'
              : this.tooOld
                ? 'LIST_TOO_OLD'
                : undefined,
        },
      },
    })
    this.tools.nowMs = NOW
  }
  async ask(
    certificates: readonly Buffer[],
    config: Record<string, unknown> = {},
  ): Promise<{ asked: FakeRequest; said: unknown[] | undefined; refusal: Refusal | undefined }> {
    const asked = new FakeRequest({ client: { certificates: () => certificates } })
    const settings = { ca_certificates: ['partners'], revocation_check_mode: 'SKIP', ...config }
    const refusal = await access(instanceOf(mtlsAuth, settings, this.tools), asked)
    return { asked, said: refusal && [refusal.status, refusal.facts.message], refusal }
  }
}
export const failed = [401, 'TLS certificate failed verification']

/** A root of ours, and below it a leaf that openssl has made: named by its subject alone, with the address of a list. */
export async function createOpensslClient(
  folder: string,
  wanted: { url: string; serial: string; commonName: string },
): Promise<{ root: string; issuer: Issuer }> {
  const keys = await generateKeyPair()
  const root = createRoot({
    ...{ trustDomainId: spiffeId('till.test'), commonName: 'till root', keys, span, pathLength: 0 },
  })
  const issuer = { certificate: root, privateKey: keys.privateKey }
  if (!has('openssl')) return { root, issuer }
  const file = (name: string): string => join(folder, name)
  writeFileSync(file('root.pem'), root)
  writeFileSync(file('root.key'), keys.privateKey.export({ format: 'pem', type: 'pkcs8' }))
  writeFileSync(
    file('leaf.cnf'),
    [
      ...['keyUsage = critical, digitalSignature', 'extendedKeyUsage = clientAuth'],
      ...['subjectKeyIdentifier = hash', 'authorityKeyIdentifier = keyid'],
      ...['basicConstraints = critical, CA:FALSE', `crlDistributionPoints = URI:${wanted.url}`],
    ].join('\n'),
  )
  const openssl = (...parts: string[]): void =>
    void execFileSync('openssl', parts, { stdio: 'ignore' })
  const subject = `/O=Partner, Inc./CN=${wanted.commonName}`
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
  openssl('req', ...key, '-keyout', file('leaf.key'), '-subj', subject, '-out', file('leaf.csr'))
  openssl(
    ...[
      'x509',
      '-req',
      '-in',
      file('leaf.csr'),
      '-CA',
      file('root.pem'),
      '-CAkey',
      file('root.key'),
    ],
    ...['-set_serial', `0x${wanted.serial}`, '-days', '1', '-extfile', file('leaf.cnf')],
    ...['-out', file('leaf.pem')],
  )
  return { root, issuer }
}
