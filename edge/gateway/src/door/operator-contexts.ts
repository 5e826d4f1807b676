import { createSecureContext, type SecureContext } from 'node:tls'
import { messageOf } from '@countersign/ground/errors'
import type { Certificate, Id } from '@countersign/kong'

/** What TLS needs of each certificate of an operator. */
export type OperatorContexts = ReadonlyMap<Id, OperatorContext>
interface OperatorContext {
  readonly of: Certificate
  readonly context: SecureContext
}

/**
 * Makes the contexts of certificates; those that have not changed are taken from `before`. Throws where a certificate and
 * its key cannot be used together, with its id and nothing of the key.
 */
export function operatorContexts(
  certificates: readonly Certificate[],
  before: OperatorContexts,
): OperatorContexts {
  const contexts = new Map<Id, OperatorContext>()
  for (const certificate of certificates) {
    const known = before.get(certificate.id)
    const context = known !== undefined && isSame(known.of, certificate) ? known.context : undefined
    contexts.set(certificate.id, { of: certificate, context: context ?? make(certificate) })
  }
  return contexts
}

function make({ id, cert, key, cert_alt: certAlt, key_alt: keyAlt }: Certificate): SecureContext {
  try {
    // The other pair is of the other kind of key: TLS takes the one that the client can verify.
    return createSecureContext({
      cert: certAlt === null ? cert : [cert, certAlt],
      key: keyAlt === null ? key : [key, keyAlt],
    })
  } catch (error) {
    throw new Error(`certificate ${id}: ${messageOf(error)}`)
  }
}

const isSame = (a: Certificate, b: Certificate): boolean =>
  a.cert === b.cert && a.key === b.key && a.cert_alt === b.cert_alt && a.key_alt === b.key_alt
