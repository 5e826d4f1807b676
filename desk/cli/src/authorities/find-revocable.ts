import { workloadName } from '@countersign/contract'
import type { CertificateView } from '@countersign/contract/platform'
import { DeskError } from '../errors.ts'
import { SERIAL_PREFIX_MIN } from '../limits.ts'

type Revocable = { readonly serial: string } | { readonly name: string }
export interface Found {
  readonly of: Revocable
  /** What will be taken back, as far as it is on record: with its lineage, or all of the name. */
  readonly covers: readonly CertificateView[]
}

const NAME = /^[a-z][a-z0-9-]{0,62}$/
const SERIAL = new RegExp(`^[0-9a-f]{${SERIAL_PREFIX_MIN},40}$`)

/**
 * What a person means by a word: the name of a workload, or a serial or its beginning, as certificates or other
 * programs write it (capital letters, colons, leading zeros). Throws `DeskError`: USAGE where it could mean several things, FAILED
 * where it means nothing that is on record.
 */
export function findRevocable(
  word: string,
  certificates: readonly CertificateView[],
  trustDomain: string,
): Found {
  const ofName = certificates.filter((each) => workloadName(trustDomain, each.name) === word)
  const digits = word.replaceAll(':', '').toLowerCase().replace(/^0+/, '')
  const bySerial = SERIAL.test(digits)
    ? certificates.filter(({ serial }) => serial.startsWith(digits))
    : []
  if (ofName.length > 0 && bySerial.length > 0)
    throw ambiguous(word, [`the workload ${word}`, ...bySerial.map(({ serial }) => serial)])
  if (ofName.length > 0 && NAME.test(word)) return { of: { name: word }, covers: ofName }
  const exact = bySerial.filter(({ serial }) => serial === digits)
  const [one, ...others] = exact.length > 0 ? exact : bySerial
  if (one === undefined)
    throw new DeskError(
      'FAILED',
      `no authority has a certificate on record that is meant by ${JSON.stringify(word)}.\nSee: countersign cert ls --all`,
    )
  if (others.length > 0)
    throw ambiguous(
      word,
      [one, ...others].map(({ serial }) => serial),
    )
  return {
    of: { serial: one.serial },
    covers: certificates.filter(({ lineage }) => lineage === one.lineage),
  }
}

function ambiguous(word: string, meanings: readonly string[]): DeskError {
  const shown = meanings.slice(0, 8).map((meaning) => `  - ${meaning}`)
  return new DeskError('USAGE', `${JSON.stringify(word)} could mean:\n${shown.join('\n')}`)
}
