import type { PluginTools } from '@countersign/kong'
import { crlUrlsOf, writePem } from '@countersign/ground/x509'
import type { Link } from './authorities.ts'
import { CrlStore } from './crl-store.ts'
import type { MtlsConfig } from './mtls-auth.ts'
import type { ProvenClient } from './proof.ts'
import { refuseCertificate } from './refuse.ts'

/** A certificate and who has issued it. */
export interface Step {
  readonly link: Link
  readonly issuer: Link
}

/*
 * Whether a certificate was taken back:
 *
 * - below the platform's own roots: by what this process knows, at once and in every mode
 * - below others: by the list that each certificate of the path names (RFC 5280, 4.2.1.13), except with SKIP
 * - no list named, or none to be had: refused with STRICT, passed with IGNORE_CA_ERROR
 *
 * OCSP is not asked: a CA that answers nothing else fails STRICT.
 */
export function createRevocationCheck(config: MtlsConfig, tools: PluginTools) {
  const store = tools.shared('mtls-auth lists', () => new CrlStore(tools))
  const mode = config.revocation_check_mode

  const checkStep = ({ link, issuer }: Step): Promise<void> | undefined => {
    const [url] = crlUrlsOf(link.facts)
    if (url === undefined) return mode === 'STRICT' ? unknown('names no list') : undefined
    const wanted = {
      ...{ url, issuer: writePem(issuer.der, 'CERTIFICATE') },
      ...{ keptMsMax: config.cert_cache_ttl * 1000, timeoutMs: config.http_timeout },
    }
    return store.list(wanted).then((list) => {
      if (list === undefined)
        return mode === 'STRICT' ? unknown('has no list to be had') : undefined
      if (list.has(link.facts.serial)) throw refuseCertificate('a certificate was taken back')
      return undefined
    })
  }
  return (client: ProvenClient): Promise<void> | undefined => {
    if (client.revocable !== undefined) return checkOwn(client.revocable, tools)
    if (mode === 'SKIP') return undefined
    const waits = client.steps.flatMap((step) => checkStep(step) ?? [])
    return waits.length === 0 ? undefined : Promise.all(waits).then(() => undefined)
  }
}

function checkOwn(
  revocable: NonNullable<ProvenClient['revocable']>,
  { platform }: PluginTools,
): undefined {
  const reason = platform?.revocations.refusalOf(revocable)
  if (reason === 'REVOKED') throw refuseCertificate('the platform has taken the certificate back')
  if (reason !== undefined) throw refuseCertificate('nobody can tell what the platform took back')
  return undefined
}

const unknown = (what: string): Promise<never> =>
  Promise.reject(refuseCertificate(`revocation cannot be checked: a certificate ${what}`))
