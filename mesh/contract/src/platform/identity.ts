import { z } from 'zod'
import { contract, endpoint } from '../endpoint.ts'

/** What every workload asks of the identity provider over the mesh; people and clients meet it at `/auth`. */
export const identity = contract('identity', {
  keys: endpoint({
    at: 'GET /auth/jwks',
    callers: ['gateway', 'workloads'],
    roles: 'stranger',
    limit: '100/second per address',
    reply: z.object({ keys: z.array(z.looseObject({ kty: z.string(), kid: z.string() })).max(64) }),
  }),
  /** The OpenID provider itself, below one path. */
  provider: endpoint({
    at: 'ANY /auth/*',
    kind: 'mount',
    callers: ['gateway', 'workloads'],
    roles: 'stranger',
    limit: '50/second, 1000/minute per address',
    bodyBytesMax: 64 * 1024,
    /** The provider records what matters itself: logins, tokens, sessions. */
    audited: false,
  }),
})
