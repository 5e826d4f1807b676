import { createHash } from 'node:crypto'
import { AcmeProblem } from '../problem.ts'
import type { Reach } from '../reach/guarded-addresses.ts'
import type { Proof } from './proof.ts'

/** RFC 8555, 8.4: one of the TXT records of `_acme-challenge.<name>` is the digest of the key authorization. */
export async function proveByDns({ name, expected }: Proof, { resolver }: Reach): Promise<void> {
  const at = `_acme-challenge.${name}`
  const texts = await resolver.texts(at)
  const digest = createHash('sha256').update(expected).digest('base64url')
  if (texts.includes(digest)) return
  // Records take their time to spread: where there is none yet, another look may find it.
  if (texts.length === 0) throw new AcmeProblem('dns', `${at} has no TXT record`)
  throw new AcmeProblem('incorrectResponse', `no TXT record of ${at} is the expected digest`)
}
