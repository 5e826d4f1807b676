import { malformed } from './errors.ts'
import { PEM_BLOCKS_MAX, PEM_CHARS_MAX } from './limits.ts'

export type PemLabel = 'CERTIFICATE' | 'CERTIFICATE REQUEST' | 'X509 CRL'
const LINE = /^[A-Za-z0-9+/]+={0,2}$/

/**
 * Takes a PEM text (RFC 7468) apart into the DER of its blocks, in their order.
 * Throws `X509Error` MALFORMED for other labels, text between blocks, a block that does not end, or none at all.
 */
export function readPem(text: string, label: PemLabel): Buffer[] {
  if (!(text.length <= PEM_CHARS_MAX)) throw malformed('the PEM text is too long')
  const blocks: Buffer[] = []
  let lines: string[] | undefined
  for (const line of text.split(/\r?\n/)) {
    if (lines === undefined) {
      if (line === `-----BEGIN ${label}-----`) lines = []
      else if (line.trim() !== '') throw malformed(`the PEM text holds more than ${label} blocks`)
    } else if (line === `-----END ${label}-----`) {
      blocks.push(decode(lines.join('')))
      lines = undefined
    } else if (LINE.test(line)) lines.push(line)
    else throw malformed('a line of the PEM text is not base64')
  }
  if (lines !== undefined) throw malformed('a PEM block does not end')
  if (blocks.length === 0) throw malformed(`there is no ${label} in the PEM text`)
  if (!(blocks.length <= PEM_BLOCKS_MAX)) throw malformed('the PEM text has too many blocks')
  return blocks
}

function decode(base64: string): Buffer {
  const bytes = Buffer.from(base64, 'base64')
  if (bytes.toString('base64') !== base64) throw malformed('a PEM block is not canonical base64')
  return bytes
}

/** One block of PEM, with a line break at its end. */
export function writePem(der: Uint8Array, label: PemLabel): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? []
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`
}
