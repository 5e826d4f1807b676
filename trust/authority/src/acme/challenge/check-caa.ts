import type { CaaRecord } from 'node:dns'
import type { ChallengeType } from '../order/order.ts'
import { AcmeProblem } from '../problem.ts'
import type { Resolver } from '../reach/resolver.ts'

/*
 * Whether the owner of the zone lets us issue (RFC 8659, with `validationmethods` of RFC 8657):
 *
 * - the records of the nearest name upwards that has any count
 * - a critical one that we do not know refuses
 * - for a wildcard `issuewild` counts where there is one, otherwise `issue`; where there is neither everybody may issue
 * - one of those that count has to name us; a parameter that we do not know makes it not count
 *
 * Asked only where the operator has given this authority names for CAA: one that nobody outside knows cannot be named.
 */
export interface CaaWanted {
  readonly name: string
  readonly wildcard: boolean
  readonly method: ChallengeType
  /** What we go by in such records. */
  readonly identities: readonly string[]
}

/** Throws `AcmeProblem` caa, or dns where the records cannot be had. */
export async function checkCaa(wanted: CaaWanted, resolver: Resolver): Promise<void> {
  if (wanted.identities.length === 0) return
  const labels = wanted.name.split('.')
  for (let i = 0; i < labels.length; i++) {
    const records = await resolver.caa(labels.slice(i).join('.'))
    if (records.length === 0) continue
    if (mayIssue(records, wanted)) return
    throw new AcmeProblem('caa', `the CAA records for ${wanted.name} do not name this authority`)
  }
}

/** The pure part: what the records of one name say. */
export function mayIssue(records: readonly CaaRecord[], wanted: CaaWanted): boolean {
  if (records.some((record) => record.critical !== 0 && !KNOWN.some((tag) => tag in record)))
    return false
  const wild = records.flatMap(({ issuewild }) => issuewild ?? [])
  const plain = records.flatMap(({ issue }) => issue ?? [])
  const counting = wanted.wildcard && wild.length > 0 ? wild : plain
  if (counting.length === 0) return true
  return counting.some((value) => namesUs(value, wanted))
}
const KNOWN = ['issue', 'issuewild', 'iodef']

function namesUs(value: string, { identities, method }: CaaWanted): boolean {
  const [issuer = '', ...parameters] = value.split(';').map((part) => part.trim())
  if (!identities.includes(issuer.toLowerCase())) return false
  return parameters.every((parameter) => {
    if (parameter === '') return true
    const [tag, methods = ''] = parameter.split('=').map((part) => part.trim())
    return tag === 'validationmethods' && methods.split(',').includes(method)
  })
}
