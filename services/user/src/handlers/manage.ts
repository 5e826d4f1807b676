import { randomUUID } from 'node:crypto'
import { Refusal } from '@countersign/layers'
import { newUser, publicUser } from '../domain/user.ts'
import { canonicalUsername, usernameFault } from '../domain/username.ts'
import { changeUser } from './change-user.ts'
import { type Parts, personId, readPublic, type UserHandlers, wrongField } from './parts.ts'

type Manage = Pick<UserHandlers, 'list' | 'read' | 'create' | 'changeRoles' | 'disable'>

/** What admins, and partly support, do with the accounts of others. */
export function manage(parts: Parts): Manage {
  const { store, passwords, now } = parts
  return {
    async list({ query, witness }) {
      const after = query.after === undefined ? undefined : canonicalUsername(query.after)
      const found = await store.list({ after, limit: query.limit + 1 })
      witness(store.proof)
      const users = found.slice(0, query.limit).map(publicUser)
      return { users, next: found.length > users.length ? (users.at(-1)?.username ?? null) : null }
    },
    read: ({ params, witness }) => readPublic(parts, params.id, { witness }),
    async create({ body, signal, witness }) {
      const username = canonicalUsername(body.username)
      const fault = usernameFault(username)
      if (fault !== undefined) throw wrongField('username', fault)
      const hashedPassword = await passwords.hash(body.password, signal)
      const user = newUser({ id: randomUUID(), username, hashedPassword, roles: body.roles }, now())
      const outcome = await store.insert(user)
      witness(store.proof)
      if (outcome === 'taken')
        throw new Refusal('CONFLICT', {
          detail: 'This username is taken.',
          rule: 'unique usernames',
        })
      return publicUser(user)
    },
    async changeRoles({ permit, params, body, witness }) {
      const roles = [...new Set(body.roles)]
      const wanted = { id: params.id, version: body.version, changes: { roles } }
      const user = await changeUser(parts, personId(permit), wanted)
      witness(store.proof)
      return publicUser(user)
    },
    async disable({ permit, params, witness }) {
      await changeUser(parts, personId(permit), { id: params.id, changes: { disabled: true } })
      witness(store.proof)
    },
  }
}
