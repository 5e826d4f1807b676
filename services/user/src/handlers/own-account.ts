import { changed } from '../domain/user.ts'
import {
  cacheGroup,
  notFound,
  type Parts,
  personId,
  readPublic,
  type UserHandlers,
  wrongField,
} from './parts.ts'
import { conflict } from './change-user.ts'

type OwnAccount = Pick<UserHandlers, 'me' | 'changePassword'>

/** What everybody can do with their own account. */
export function ownAccount(parts: Parts): OwnAccount {
  const { store, cache, passwords } = parts
  return {
    me: ({ permit, witness }) => readPublic(parts, personId(permit), { witness }),
    async changePassword({ permit, body, signal, witness }) {
      const user = await store.byId(personId(permit))
      witness(store.proof)
      if (user === undefined || user.disabled) throw notFound()
      if (!(await passwords.matches(user.hashedPassword, body.oldPassword, signal)))
        throw wrongField('oldPassword', 'is not the password of this account')
      if (body.newPassword === body.oldPassword)
        throw wrongField('newPassword', 'is the same as the old one')
      const hashedPassword = await passwords.hash(body.newPassword, signal)
      if (!(await store.replace(changed(user, { hashedPassword })))) throw conflict()
      await cache.forget([cacheGroup(user.id)])
    },
  }
}
