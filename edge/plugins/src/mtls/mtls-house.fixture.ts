import { type SpiffeId, spiffeId } from '@countersign/ground/spiffe'
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
export const NOW = Date.now() + 600_000
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
