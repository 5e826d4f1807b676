import { authoritiesOf, trustDomainOf } from '../../authorities/authorities.ts'
import {
  certificatesTable,
  intermediatesTable,
  rootsTable,
} from '../../authorities/certificate-tables.ts'
import { inUse, isOf, type Listed, listCertificates } from '../../authorities/certificates.ts'
import type { Desk } from '../../desk.ts'
import { EXIT, type ExitCode } from '../../exit-codes.ts'
import { CERTIFICATES_MAX } from '../../limits.ts'

export interface LsOptions {
  readonly all?: boolean
  readonly name?: string
  readonly json?: boolean
}

/**
 * `countersign cert ls`: roots, intermediates, then the certificates that somebody shows. `--all`: those too that
 * nobody shows, that were taken back, that have expired. Always 0 where an authority answers.
 */
export async function ls(desk: Desk, options: LsOptions): Promise<ExitCode> {
  const authorities = authoritiesOf(desk)
  const quorum = await authorities.ask((client) => client.quorum())
  const listed = await listCertificates(authorities, {
    state: options.all === true ? 'all' : 'valid',
  })
  const trustDomain = await trustDomainOf(desk)
  const wanted =
    options.name === undefined
      ? listed.certificates
      : listed.certificates.filter(isOf(options.name, trustDomain))
  const shown = options.all === true ? wanted : inUse(wanted)
  const { output } = desk
  if (options.json === true) {
    output.json({
      roots: quorum.roots,
      authorities: quorum.authorities,
      certificates: shown,
      silent: listed.silent,
    })
    return EXIT.ok
  }
  const now = Date.now()
  output.line(rootsTable(quorum.roots, output.colours, now))
  output.line()
  output.line(intermediatesTable(quorum.authorities, output.colours, now))
  output.line()
  output.line(certificatesTable(shown, output.colours, now))
  for (const remark of remarks(listed, wanted.length - shown.length)) output.note(remark)
  return EXIT.ok
}

function remarks(listed: Listed, hidden: number): readonly string[] {
  const remarks: string[] = []
  if (hidden > 0)
    remarks.push(
      `${hidden} more ${hidden === 1 ? 'is' : 'are'} valid, and nobody shows ${hidden === 1 ? 'it' : 'them'} now: countersign cert ls --all`,
    )
  if (listed.silent.length > 0)
    remarks.push(
      `no answer from ${listed.silent.join(', ')}: what only that authority has on record is missing`,
    )
  if (listed.cut)
    remarks.push(`an authority tells ${CERTIFICATES_MAX} at once; there may be more of them`)
  return remarks
}
