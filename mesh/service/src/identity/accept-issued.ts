import type { KeyObject } from 'node:crypto'
import type { Issued } from '@countersign/contract/platform'
import type { SpiffeId } from '@countersign/ground/spiffe'
import { checkSvid, validateChain } from '@countersign/ground/x509'
import type { Credential } from '../workload.ts'
import { IdentityError } from './errors.ts'

/*
 * What an authority sends is used only if
 *
 * - the chain leads to a root of the bundle, and every certificate of it is within its time
 * - the leaf is an X.509-SVID of our own id
 * - the leaf is for the key that we made
 */
export function acceptIssued(
  issued: Issued,
  expected: { id: SpiffeId; publicKey: KeyObject; privateKey: KeyObject; now: number },
): Credential {
  const chain = validateChain(issued.chain, issued.bundle, expected.now)
  if (!chain.ok) throw invalid(chain.fault)
  const svid = checkSvid(chain.leaf)
  if (!svid.ok) throw invalid(svid.fault)
  if (svid.id !== expected.id) throw invalid('it is for another id')
  if (!chain.leaf.publicKey.equals(expected.publicKey)) throw invalid('it is for another key')
  return {
    chain: issued.chain,
    key: expected.privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(),
    serial: chain.leaf.serialNumber,
    notBefore: chain.leaf.validFromDate,
    // The leaf cannot be used for longer than what is above it.
    notAfter: new Date(chain.notAfter),
  }
}

function invalid(why: string): IdentityError {
  return new IdentityError(
    'ANSWER_INVALID',
    `the certificate from the authority is of no use: ${why}`,
  )
}
