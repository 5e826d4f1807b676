import { createHash } from 'node:crypto'
import { EngineError } from '../engine.ts'

export interface RedisUser {
  readonly name: string
  /** At least 16 printable characters. */
  readonly password: string
  /** Patterns of the keys (and channels) this user may touch, separated by spaces: `limits:*` or `cache:order:* cache:all:*`. */
  readonly keys: string
}

/*
 * Nobody comes in without a name. A user may run data commands on keys of its own patterns, and nothing that
 * configures the server, tells the keys of others (SCAN and the like know no patterns) or holds code for others.
 */
const RIGHTS =
  '+@all -@admin -@dangerous -scan -randomkey -dbsize -select -function -fcall -fcall_ro -script|flush -script|kill'

/** Text of the ACL file. Holds hashes of passwords, not passwords. Throws `EngineError` for a user that cannot be written. */
export function aclFile(users: readonly RedisUser[]): string {
  return ['user default off nopass resetkeys -@all', ...users.map(aclLine), ''].join('\n')
}

function aclLine({ name, password, keys }: RedisUser): string {
  const patterns = keys.split(' ').filter((pattern) => pattern !== '')
  if (!/^[a-z][a-z0-9-]{0,62}$/.test(name) || name === 'default') {
    throw new EngineError(`${JSON.stringify(name)} cannot be the name of a Redis user`)
  }
  if (patterns.length === 0 || !patterns.every((p) => /^[a-z0-9:_{}*-]{1,128}$/i.test(p))) {
    throw new EngineError(`the Redis user ${name} needs key patterns such as "${name}:*"`)
  }
  if (!/^[\x21-\x7e]{16,256}$/.test(password)) {
    throw new EngineError(
      `the password of Redis user ${name} must be 16 to 256 printable characters`,
    )
  }
  const hash = createHash('sha256').update(password).digest('hex')
  const reach = patterns.flatMap((pattern) => [`~${pattern}`, `&${pattern}`]).join(' ')
  return `user ${name} on #${hash} resetkeys resetchannels ${reach} ${RIGHTS}`
}
