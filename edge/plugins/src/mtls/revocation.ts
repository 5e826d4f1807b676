import { type CertificateFacts, crlUrlsOf, ocspUrlsOf, writePem } from '@countersign/ground/x509'
import type { PluginTools } from '@countersign/kong'
import type { Link } from './authorities.ts'
import { CrlStore } from './crl-store.ts'
import type { MtlsConfig } from './mtls-auth.ts'
import { OcspStore } from './ocsp-store.ts'
import type { ProvenClient } from './proof.ts'
import { refuseCertificate } from './refuse.ts'

/** A certificate of a path, and where its issuer says whether it was taken back. */
export interface Step {
  readonly serial: string
  /** PEM. */
  readonly issuer: string
  readonly ocspUrl: string | undefined
  readonly crlUrl: string | undefined
  /** Whether one of them is there. */
  readonly isNamed: boolean
}

/** The steps of a path, leaf first; its anchor, which nobody but the operator can take back, is none. Throws `X509Error`. */
export function stepsOf(path: readonly Link[]): readonly Step[] {
  return path.slice(0, -1).map(({ facts }, i) => ({
    serial: facts.serial,
    issuer: writePem(path[i + 1]?.der ?? Buffer.alloc(0), 'CERTIFICATE'),
    ...placesOf(facts),
  }))
}
function placesOf(facts: CertificateFacts): Pick<Step, 'ocspUrl' | 'crlUrl' | 'isNamed'> {
  const ocspUrl = ocspUrlsOf(facts).find(isHttp)
  const crlUrl = crlUrlsOf(facts).find(isHttp)
  return { ocspUrl, crlUrl, isNamed: (ocspUrl ?? crlUrl) !== undefined }
}
const isHttp = (url: string): boolean => /^https?:/i.test(url)

/*
 * Whether a certificate was taken back:
 *
 * - below the platform's own roots: by what this process knows, at once and in every mode
 * - below others, except with SKIP, for each certificate of the path: by the responder that it names (RFC 6960), and
 *   where that has no answer by the list that it names (RFC 5280, 4.2.1.13)
 * - neither named, or neither to be had: refused with STRICT, passed with IGNORE_CA_ERROR
 */
export function createRevocationCheck(config: MtlsConfig, tools: PluginTools) {
  const lists = tools.shared('mtls-auth lists', () => new CrlStore(tools))
  const responders = tools.shared('mtls-auth responders', () => new OcspStore(tools))
  const mode = config.revocation_check_mode
  const bounds = { keptMsMax: config.cert_cache_ttl, timeoutMs: config.http_timeout }

  /** Whether it was taken back; `undefined`: nobody says. */
  const isRevoked = async (step: Step): Promise<boolean | undefined> => {
    const { serial, issuer, ocspUrl, crlUrl } = step
    if (ocspUrl !== undefined) {
      const said = await responders.ask({ ...bounds, url: ocspUrl, issuer, serial })
      if (said !== undefined) return said
    }
    if (crlUrl === undefined) return undefined
    return (await lists.list({ ...bounds, url: crlUrl, issuer }))?.has(serial)
  }
  const checkStep = async (step: Step): Promise<void> => {
    const revoked = await isRevoked(step)
    if (revoked === true) throw refuseCertificate('a certificate was taken back')
    if (revoked === undefined && mode === 'STRICT')
      throw refuseCertificate('nobody can be asked whether a certificate was taken back')
  }
  return (client: ProvenClient): Promise<void> | undefined => {
    if (client.revocable !== undefined) return checkOwn(client.revocable, tools)
    if (mode === 'SKIP') return undefined
    const isMute = mode !== 'STRICT' && client.steps.every(({ isNamed }) => !isNamed)
    return isMute ? undefined : Promise.all(client.steps.map(checkStep)).then(() => undefined)
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
