import { type KeyObject, verify } from 'node:crypto'
import { childAt, type Der, readBits, readChildren, readDer, TAG } from './der.ts'
import { malformed, X509Error } from './errors.ts'
import { type ExtensionFacts, readExtensions } from './extensions.ts'
import { type KeyKind, readPublicKey } from './key-pair.ts'
import { OID, SIGNATURE_HASHES } from './oids.ts'
import { readPem } from './pem.ts'

const ATTRIBUTES = 0xa0

/** What a certificate request asks for. Its sender has proven to hold the private key, and nothing else. */
export interface CsrFacts extends ExtensionFacts {
  readonly publicKey: KeyObject
  /** Whether the subject names anything. Ours do not. */
  readonly subjectEmpty: boolean
  /** Common names in the subject. Octets that are not ASCII are no letters of a host name, and are kept as they are. */
  readonly commonNames: readonly string[]
  /** OIDs, in hex, of attributes other than the request for extensions. */
  readonly otherAttributes: readonly string[]
}

/**
 * Reads a certificate request (PKCS#10, RFC 2986) in PEM and checks the proof of possession.
 * What it asks for is reported, not judged: that is for the authority to do.
 * Throws `X509Error`: MALFORMED, KEY_REFUSED (weak, or of a kind that is not allowed), PROOF_OF_POSSESSION.
 */
export function parseCsr(pem: string, options: { keys?: readonly KeyKind[] } = {}): CsrFacts {
  const [der, ...others] = readPem(pem, 'CERTIFICATE REQUEST')
  if (der === undefined || others.length > 0) throw malformed('there is more than one request')
  const request = readChildren(readDer(der, TAG.sequence))
  if (request.length !== 3) throw malformed('the request does not have three parts')
  const info = childAt(request, 0, TAG.sequence)
  const parts = readChildren(info)
  const subject = childAt(parts, 1, TAG.sequence)
  const publicKey = readPublicKey(childAt(parts, 2, TAG.sequence).raw, options.keys)
  const algorithm = childAt(request, 1, TAG.sequence)
  checkProof(publicKey, { info, algorithm, signature: childAt(request, 2, TAG.bitString) })
  const attributes = parts.length > 3 ? readAttributes(childAt(parts, 3, ATTRIBUTES)) : new Map()
  return {
    ...readExtensions(attributes.get(OID.extensionRequest)),
    publicKey,
    subjectEmpty: subject.value.length === 0,
    commonNames: readCommonNames(subject),
    otherAttributes: [...attributes.keys()].filter((oid) => oid !== OID.extensionRequest),
  }
}

/** A Name is a SEQUENCE of SETs of type and value. */
function readCommonNames(subject: Der): string[] {
  return readChildren(subject)
    .flatMap((set) => readChildren(set).map((part) => readChildren(part)))
    .filter((parts) => childAt(parts, 0, TAG.oid).value.toString('hex') === OID.commonName)
    .map((parts) => parts[1]?.value.toString('latin1') ?? '')
}

function checkProof(key: KeyObject, signed: { info: Der; algorithm: Der; signature: Der }): void {
  const oid = childAt(readChildren(signed.algorithm), 0, TAG.oid).value.toString('hex')
  const method = SIGNATURE_HASHES.get(oid)
  if (method === undefined || method.keyType !== key.asymmetricKeyType) {
    throw new X509Error(
      'PROOF_OF_POSSESSION',
      'the request is signed by a method that is not believed',
    )
  }
  // The signature has whole octets: a count of unused bits would be a second spelling of the same request.
  if (signed.signature.value[0] !== 0) throw malformed('the signature does not have whole octets')
  if (!verify(method.hash, signed.info.raw, key, readBits(signed.signature))) {
    throw new X509Error('PROOF_OF_POSSESSION', 'the request is not signed by its own key')
  }
}

/** Attributes by OID; the one value of each, which for extensionRequest is a SEQUENCE of extensions. */
function readAttributes(attributes: Der): Map<string, Der> {
  const found = new Map<string, Der>()
  for (const attribute of readChildren(attributes)) {
    const parts = readChildren(attribute)
    const oid = childAt(parts, 0, TAG.oid).value.toString('hex')
    const [value, ...others] = readChildren(childAt(parts, 1, TAG.set))
    if (value === undefined || others.length > 0) throw malformed('an attribute has not one value')
    if (found.has(oid)) throw malformed('an attribute is there twice')
    found.set(oid, value)
  }
  return found
}
