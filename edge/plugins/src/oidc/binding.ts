import { createHash } from 'node:crypto'
import type { JsonObject } from '@countersign/ground/jose'
import type { PluginRequest } from '@countersign/kong'

/**
 * RFC 8705 section 3: a token that is bound to a certificate is good only over a connection with it. A binding of another
 * kind cannot be checked here, so such a token is not believed. `undefined`: nothing speaks against it.
 */
export function checkBinding({ cnf }: JsonObject, asked: PluginRequest): string | undefined {
  if (cnf === undefined) return undefined
  const known = new Map(typeof cnf === 'object' && cnf !== null ? Object.entries(cnf) : [])
  const thumbprint = known.get('x5t#S256')
  if (known.size !== 1 || typeof thumbprint !== 'string')
    return 'the token is bound in a way that is not known here'
  const [leaf] = asked.client.certificates()
  const shown = leaf && createHash('sha256').update(leaf).digest('base64url')
  return shown === thumbprint ? undefined : 'the token is bound to another certificate'
}
