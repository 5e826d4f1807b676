import { z } from 'zod'
import { contract, endpoint } from '../endpoint.ts'

/** A person as far as tokens need to know one. */
export const personSchema = z.strictObject({
  id: z.string().min(1).max(128),
  username: z.string().min(1).max(128),
  roles: z.array(z.string().min(1).max(64)).max(32),
})
const reply = z.strictObject({ person: personSchema.nullable() })

/**
 * What the identity provider, and for one of them the control plane, asks of the service that knows the people. The user service serves these
 * endpoints beside its own. `null` stands alike for unknown, disabled and wrong password.
 */
export const people = contract('user', {
  verifyPassword: endpoint({
    at: 'POST /internal/verify-password',
    summary: 'The person of this name, if this is the password',
    callers: ['identity'],
    roles: 'stranger',
    limit: '600/minute per caller',
    body: z.strictObject({
      username: z.string().min(1).max(128),
      password: z.string().min(1).max(1024),
    }),
    reply,
    idempotent: true,
  }),
  describe: endpoint({
    at: 'GET /internal/people/:id',
    summary: 'The person of this id with the roles of this moment, if the account is open',
    // The control plane asks whether who holds a key of the Admin API is an administrator still.
    callers: ['identity', 'control'],
    roles: 'stranger',
    limit: '1000/second per caller',
    reply,
  }),
})
