import { contract as declare, endpoint } from '@countersign/contract'
import { people } from '@countersign/contract/platform'
import { z } from 'zod'
import { ROLES } from './domain/user.ts'
import { PAGE_DEFAULT, PAGE_MAX, PASSWORD_BYTES_MAX, PASSWORD_CHARS_MIN } from './limits.ts'

const roles = z.array(z.enum(ROLES)).min(1).max(ROLES.length)
const username = z.string().min(1).max(128)
const password = z
  .string()
  .min(1)
  .refine(
    (text) => Buffer.byteLength(text) <= PASSWORD_BYTES_MAX,
    `is longer than ${PASSWORD_BYTES_MAX} bytes`,
  )
const newPassword = password.min(
  PASSWORD_CHARS_MIN,
  `is shorter than ${PASSWORD_CHARS_MIN} characters`,
)
export const userSchema = z.strictObject({
  id: z.uuid(),
  username: z.string(),
  roles: z.array(z.enum(ROLES)),
  version: z.int().positive(),
  disabled: z.boolean(),
  createdAt: z.iso.datetime(),
})

export const contract = declare('user', {
  ...people.endpoints,
  me: endpoint({
    at: 'GET /users/me',
    summary: 'The person who asks',
    callers: ['gateway'],
    roles: 'anyone',
    limit: '50/second per person',
    reply: userSchema,
  }),
  list: endpoint({
    at: 'GET /users',
    summary: 'All people, sorted by name; `after` is the last name of the page before',
    callers: ['gateway'],
    roles: ['admin', 'support'],
    limit: '20/second per person',
    query: z.strictObject({
      limit: z.coerce.number().int().min(1).max(PAGE_MAX).default(PAGE_DEFAULT),
      after: username.refine((text) => !text.includes('\0'), 'holds a NUL').optional(),
    }),
    reply: z.strictObject({ users: z.array(userSchema), next: z.string().nullable() }),
  }),
  read: endpoint({
    at: 'GET /users/:id',
    callers: ['gateway'],
    roles: ['admin', 'support'],
    limit: '50/second per person',
    reply: userSchema,
  }),
  create: endpoint({
    at: 'POST /users',
    callers: ['gateway'],
    roles: ['admin'],
    limit: '5/second, 600/hour per person',
    body: z.strictObject({ username, password: newPassword, roles }),
    reply: userSchema,
    status: 201,
  }),
  changeRoles: endpoint({
    at: 'PUT /users/:id/roles',
    summary: 'Sets the roles, if `version` is still the version of the person',
    callers: ['gateway'],
    roles: ['admin'],
    limit: '10/second per person',
    body: z.strictObject({ roles, version: z.int().positive() }),
    reply: userSchema,
  }),
  disable: endpoint({
    at: 'DELETE /users/:id',
    summary: 'Closes the account. The person stays on record',
    callers: ['gateway'],
    roles: ['admin'],
    limit: '10/second per person',
  }),
  changePassword: endpoint({
    at: 'PUT /users/me/password',
    callers: ['gateway'],
    roles: 'anyone',
    limit: '10/minute per person',
    body: z.strictObject({ oldPassword: password, newPassword }),
    idempotent: false,
  }),
})
