import {
  type CertificateView,
  type RevocationReason,
  revocationReasonSchema,
} from '@countersign/contract/platform'
import { X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { authoritiesOf, trustDomainOf } from '../../authorities/authorities.ts'
import { certificatesTable, short } from '../../authorities/certificate-tables.ts'
import { listCertificates } from '../../authorities/certificates.ts'
import { type Found, findRevocable } from '../../authorities/find-revocable.ts'
import type { Desk } from '../../desk.ts'
import { DeskError } from '../../errors.ts'
import { EXIT, type ExitCode } from '../../exit-codes.ts'
import { printable } from '../../terminal/printable.ts'
import { table } from '../../terminal/table.ts'

export interface RevokeOptions {
  readonly reason?: string
  readonly yes?: boolean
  readonly json?: boolean
}

/**
 * `countersign cert revoke`: takes a certificate back with all of its lineage, or all of a workload's name. Asks first
 * at a terminal; elsewhere `--yes` has to say so. 0 when every door will refuse them within a second.
 */
export async function revoke(desk: Desk, word: string, options: RevokeOptions): Promise<ExitCode> {
  const reason = reasonOf(options.reason)
  const authorities = authoritiesOf(desk)
  const trustDomain = await trustDomainOf(desk)
  const { certificates } = await listCertificates(authorities, { state: 'valid' })
  const found = findRevocable(word, certificates, trustDomain)
  await refuseOwn(desk, found)
  if (options.yes !== true && !(await agreed(desk, found))) {
    desk.output.note('nothing was taken back')
    return EXIT.failed
  }
  const body = { of: found.of, ...(reason === undefined ? {} : { reason }) }
  const { revoked } = await authorities.ask((client) => client.revoke({ body }))
  if (options.json === true) desk.output.json({ revoked })
  else {
    const rows = revoked.map(({ serial, name }) => [short(serial), printable(name)])
    desk.output.line(table(['taken back', 'name'].map(desk.output.colours.bold), rows))
    desk.output.note(
      'Every door refuses them within a second. A workload of the platform joins anew; see: countersign status',
    )
  }
  return EXIT.ok
}

function reasonOf(text: string | undefined): RevocationReason | undefined {
  if (text === undefined) return undefined
  const read = revocationReasonSchema.safeParse(text)
  if (read.success) return read.data
  throw new DeskError(
    'USAGE',
    `--reason is one of ${revocationReasonSchema.options.join(', ')}, not ${JSON.stringify(text)}`,
  )
}

/** The act would cut its own way back: whether it was done could not be told. With the next start the desk has another one. */
async function refuseOwn(desk: Desk, { covers }: Found): Promise<void> {
  const own = new X509Certificate(
    await readFile(join(desk.layout.identity('desk'), 'cert.pem'), 'utf8'),
  )
  const serial = own.serialNumber.toLowerCase().replace(/^0+/, '')
  const mine = covers.find((each) => each.serial === serial)
  if (mine === undefined) return
  throw new DeskError(
    'FAILED',
    `this is the certificate that the desk itself shows at this time; it would cut itself off in the act.\nTo be rid of it: countersign down && countersign up, then: countersign cert revoke ${short(serial)}`,
  )
}

async function agreed(desk: Desk, { of, covers }: Found): Promise<boolean> {
  const { output, ask } = desk
  if (ask === undefined)
    throw new DeskError('USAGE', 'nobody is here to ask; add --yes to take certificates back')
  output.note(certificatesTable(covers, output.colours, Date.now()))
  return ask.confirm(question(of, covers))
}

function question(of: Found['of'], covers: readonly CertificateView[]): string {
  const what =
    'name' in of
      ? covers.length === 1
        ? `the certificate of ${of.name}`
        : `all ${covers.length} certificates of ${of.name}`
      : covers.length === 1
        ? 'this certificate'
        : `these ${covers.length} certificates of one lineage`
  return `Take back ${what}, everywhere and for good?`
}
