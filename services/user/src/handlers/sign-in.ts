import { canonicalUsername, usernameFault } from '../domain/username.ts'
import { changed, type User } from '../domain/user.ts'
import { PASSWORD_BYTES_MAX } from '../limits.ts'
import { cacheGroup, type Parts, type UserContext, type UserHandlers, wrongField } from './parts.ts'

type SignIn = Pick<UserHandlers, 'verifyPassword' | 'describe'>
type Person = { id: string; username: string; roles: string[] }

/*
 * What the identity provider asks. `null` is the one answer for an unknown name, a closed account and a wrong
 * password, and it comes after the same work. Neither answer comes from the cache: an account that is closed
 * is closed at the next token.
 */
export function signIn(parts: Parts): SignIn {
  const { store, passwords } = parts
  return {
    async verifyPassword({ body, signal, witness, log }) {
      if (Buffer.byteLength(body.password) > PASSWORD_BYTES_MAX)
        throw wrongField('password', `is longer than ${PASSWORD_BYTES_MAX} bytes`)
      const username = canonicalUsername(body.username)
      // What nobody can be called is asked of no store: some cannot even take it as a question.
      const nobody = usernameFault(username) !== undefined
      const user = nobody ? undefined : await store.byUsername(username)
      witness(store.proof)
      const right = await passwords.matches(user?.hashedPassword, body.password, signal)
      if (user === undefined || user.disabled || !right) return { person: null }
      if (passwords.isOutdated(user.hashedPassword)) await rehash(parts, user, body.password, log)
      return { person: personOf(user) }
    },
    async describe({ params, witness }) {
      const user = await store.byId(params.id)
      witness(store.proof)
      return { person: user === undefined || user.disabled ? null : personOf(user) }
    },
  }
}

/** A login is the one moment at which an old hash can be made new. Where that fails the old one still does. */
async function rehash(
  { store, cache, passwords }: Parts,
  user: User,
  password: string,
  log: UserContext['log'],
): Promise<void> {
  try {
    const hashedPassword = await passwords.hash(password)
    if (await store.replace(changed(user, { hashedPassword })))
      await cache.forget([cacheGroup(user.id)])
  } catch (error) {
    log.warn({ err: error }, 'a password hash of old parameters stays for now')
  }
}

const personOf = ({ id, username, roles }: User): Person => ({ id, username, roles: [...roles] })
