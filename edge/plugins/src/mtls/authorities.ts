import { X509Certificate } from 'node:crypto'
import type { PluginTools } from '@countersign/kong'
import { messageOf } from '@countersign/ground/errors'
import { type CertificateFacts, readCertificate, writePem } from '@countersign/ground/x509'
import type { MtlsConfig } from './mtls-auth.ts'

/** One certificate of a CA, from the configuration or from the client. */
export interface Link {
  readonly der: Buffer
  readonly facts: CertificateFacts
  /** Of the entity, where it is one. */
  readonly id: string | undefined
}
export interface Authorities {
  /** Where a path ends. */
  readonly anchors: readonly Link[]
  /** Others of the configuration, which a path may lead over. */
  readonly others: readonly Link[]
  /** The anchors in PEM. */
  readonly bundle: string
}

/** The CAs of an entity. One that is not there, or cannot be read, is told in the log and believed in nothing. */
export function readAuthorities(config: MtlsConfig, tools: PluginTools): Authorities {
  const links: Link[] = []
  for (const idOrTag of config.ca_certificates) {
    const entity = tools.directory.caCertificate(idOrTag)
    const link = entity === undefined ? 'there is no such CA certificate' : readLink(entity)
    if (typeof link === 'object') links.push(link)
    else
      tools.log.warn({ authority: idOrTag, reason: link }, 'mtls-auth cannot use a CA certificate')
  }
  const isAnchor = ({ facts }: Link): boolean =>
    config.allow_partial_chain || facts.subject.equals(facts.issuer)
  const anchors = links.filter(isAnchor)
  const others = links.filter((link) => !isAnchor(link))
  return {
    anchors,
    others,
    bundle: anchors.map(({ der }) => writePem(der, 'CERTIFICATE')).join(''),
  }
}

function readLink({ id, cert }: { readonly id: string; readonly cert: string }): Link | string {
  try {
    const { raw } = new X509Certificate(cert)
    return { der: raw, facts: readCertificate(raw), id }
  } catch (error) {
    return messageOf(error)
  }
}
