import { createHash } from 'node:crypto'
import { messageOf } from '@countersign/ground/errors'
import type { PluginTools } from '@countersign/kong'
import {
  commonNameOf,
  formatName,
  type CertificateFacts,
  validateChain,
  writePem,
  X509Error,
} from '@countersign/ground/x509'
import { BoundedCache } from '../support/bounded-cache.ts'
import { readAuthorities } from './authorities.ts'
import { findPath } from './find-path.ts'
import type { MtlsConfig } from './mtls-auth.ts'
import { refuseCertificate } from './refuse.ts'
import { createRevocationCheck, type Step, stepsOf } from './revocation.ts'

/** A client whose certificate one of the CAs has issued. */
export interface ProvenClient {
  /** SHA-256 of the leaf in hex. */
  readonly fingerprint: string
  /** Host names, URIs and the common name: in this order a consumer is looked for. */
  readonly names: readonly string[]
  readonly commonName: string | undefined
  /** RFC 4514. */
  readonly subject: string
  /** Ids of the entities that stand above it. */
  readonly authorities: readonly string[]
  /** SPIFFE id of a workload of the platform. */
  readonly workload: string | undefined
  /** What the platform's own revocations are asked for; `undefined` for certificates of others. */
  readonly revocable: Pick<CertificateFacts, 'serial' | 'lineage'> | undefined
  /** From the leaf up. */
  readonly steps: readonly Step[]
  /** Milliseconds since 1970. */
  readonly until: number
}

export interface Proof {
  /** The verdict of before on the same certificates. */
  recall(shown: readonly Buffer[]): ProvenClient | undefined
  /** Throws `Refusal`. */
  prove(shown: readonly Buffer[]): ProvenClient
  /** Throws `Refusal`, or rejects with it where others have to be asked. */
  checkRevocation(client: ProvenClient): Promise<void> | undefined
}

export function createProof(config: MtlsConfig, tools: PluginTools): Proof {
  const authorities = readAuthorities(config, tools)
  const verdicts = new BoundedCache<ProvenClient>()
  const checkRevocation = createRevocationCheck(config, tools)

  const verify = (shown: readonly Buffer[]): ProvenClient => {
    const now = tools.now()
    const path = findPath(shown, authorities)
    if (path === undefined)
      throw refuseCertificate('no CA of the plugin has issued the certificate')
    const chain = path.slice(0, -1).map(({ der }) => writePem(der, 'CERTIFICATE'))
    const verdict = validateChain(chain.join(''), authorities.bundle, now, {
      ...{ profile: 'client', purpose: 'client' },
    })
    if (!verdict.ok) throw refuseCertificate(verdict.fault)
    const { facts, leaf, notAfter } = verdict
    const commonName = commonNameOf(facts.subject)
    return {
      ...platformFacts(chain.join(''), tools),
      fingerprint: createHash('sha256').update(leaf.raw).digest('hex'),
      names: [...facts.dnsNames, ...facts.uris, ...(commonName === undefined ? [] : [commonName])],
      ...{ commonName, subject: formatName(facts.subject) },
      authorities: path.flatMap(({ id }) => id ?? []),
      steps: stepsOf(path),
      until: Math.min(notAfter, now + config.cache_ttl * 1000),
    }
  }
  return {
    recall(shown) {
      const verdict = verdicts.get(keyOf(shown))
      return verdict !== undefined && tools.now() < verdict.until ? verdict : undefined
    },
    prove(shown) {
      const proven = readOrRefuse(() => verify(shown))
      verdicts.set(keyOf(shown), proven)
      return proven
    },
    checkRevocation,
  }
}

/** What the certificate is to the platform, whichever of its entities has let it in. */
function platformFacts(
  chain: string,
  tools: PluginTools,
): Pick<ProvenClient, 'workload' | 'revocable'> {
  const none = { workload: undefined, revocable: undefined }
  if (tools.platform === undefined) return none
  const bundle = tools.platform.bundle()
  const now = tools.now()
  const below = validateChain(chain, bundle, now, { profile: 'client', purpose: 'client' })
  if (!below.ok) return none
  const svid = validateChain(chain, bundle, now, { profile: 'svid', purpose: 'client' })
  const { serial, lineage } = below.facts
  return { workload: svid.ok ? svid.facts.uris[0] : undefined, revocable: { serial, lineage } }
}

/** Certificates are bytes of strangers: what cannot be read is refused. */
function readOrRefuse<T>(read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (error instanceof X509Error)
      throw refuseCertificate(`the certificate cannot be read: ${messageOf(error)}`)
    throw error
  }
}

function keyOf(shown: readonly Buffer[]): string {
  const hash = createHash('sha256')
  for (const der of shown) hash.update(`${der.length} `).update(der)
  return hash.digest('base64')
}
