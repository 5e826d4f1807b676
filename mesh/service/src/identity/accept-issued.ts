import type { KeyObject } from 'node:crypto'
import type { Issued } from '@countersign/contract/platform'
import { parseSpiffeId, type SpiffeId } from '@countersign/ground/spiffe'
import { checkSvid, readCertificate, validateChain } from '@countersign/ground/x509'
import { checkBundle } from '../trust/check-bundle.ts'
import type { Credential } from '../workload.ts'
import { IdentityError } from './errors.ts'

/** The roots that are believed, and how new they are: they are never exchanged for older ones. */
export interface Trusted {
  /** PEM. */
  readonly bundle: string
  readonly sequence: number
}
export interface Held extends Trusted {
  readonly credential: Credential
}

/*
 * What an authority sends is used only if
 *
 * - the bundle holds roots of our trust domain and nothing else
 * - the chain leads to a root of the newer of both bundles, theirs and ours, and every certificate is within its time
 * - the leaf is an X.509-SVID of our own id
 * - the leaf is for the key that we made
 *
 * An authority that lags behind is no reason to go without a certificate: what it signs is good as long as the newer
 * bundle says so. Its bundle is not taken.
 */
export function acceptIssued(
  issued: Issued,
  expected: {
    id: SpiffeId
    publicKey: KeyObject
    privateKey: KeyObject
    now: number
    known?: Trusted | undefined
  },
): Held {
  const { bundle, sequence } = newer(issued, expected.known)
  const wrong = checkBundle(bundle, parseSpiffeId(expected.id)?.trustDomain ?? '')
  if (wrong !== undefined) throw invalid(`its trust bundle is no such: ${wrong}`)
  const chain = validateChain(issued.chain, bundle, expected.now)
  if (!chain.ok) throw invalid(chain.fault)
  const svid = checkSvid(chain.leaf)
  if (!svid.ok) throw invalid(svid.fault)
  if (svid.id !== expected.id) throw invalid('it is for another id')
  if (!chain.leaf.publicKey.equals(expected.publicKey)) throw invalid('it is for another key')
  const credential = {
    chain: issued.chain,
    key: expected.privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(),
    serial: readCertificate(chain.leaf.raw).serial,
    notBefore: chain.leaf.validFromDate,
    // The leaf cannot be used for longer than what is above it.
    notAfter: new Date(chain.notAfter),
  }
  return { credential, bundle, sequence }
}

/** Of two with the same sequence the one that is known: an authority changes no bundle without saying so. */
export function newer(said: Trusted, known: Trusted | undefined): Trusted {
  return known === undefined || said.sequence > known.sequence ? said : known
}

function invalid(why: string): IdentityError {
  return new IdentityError(
    'ANSWER_INVALID',
    `the certificate from the authority is of no use: ${why}`,
  )
}
