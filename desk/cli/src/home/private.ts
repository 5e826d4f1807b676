import { join } from 'node:path'
import { AuthorityError, findLoose, type Loose } from '@countersign/authority'
import { DeskError } from '../errors.ts'
import type { Layout } from './layout.ts'

/*
 * Where secrets lie in a state folder, and how deep one has to look: keys, passwords, tokens, and the folders that keep
 * others away from them. What databases and services of users write into their own folders is their business; nobody else
 * can enter those.
 */
function placesOf(layout: Layout): readonly (readonly [depth: number, paths: readonly string[]])[] {
  const { root, run, audit, postgres, dynamo, redis } = layout
  return [
    [0, [root, run, audit, postgres, dynamo, redis, layout.sockets, layout.credentials]],
    [0, [join(layout.part('identity-1'), 'signing-keys.sealed'), join(audit, 'log-key')]],
    [0, [join(postgres, 'admin.password'), join(redis, 'users.acl')]],
    [1, [join(run, 'parts'), layout.secrets]],
    [2, [layout.identities, join(run, 'admin')]],
    [4, [layout.pki]],
  ]
}

/** What of a state others may read, change or enter. Changes nothing. Throws `DeskError` where that cannot be told. */
export function looseIn(layout: Layout): readonly Loose[] {
  try {
    return placesOf(layout).flatMap(([depth, paths]) => findLoose(paths, depth))
  } catch (error) {
    if (error instanceof AuthorityError)
      throw new DeskError('ENVIRONMENT', error.message, { cause: error })
    throw error
  }
}

/**
 * Refuses a state that is open to others. Nothing is closed here: somebody may have read or exchanged a secret, and who
 * starts the platform should know. Throws `DeskError` ENVIRONMENT, which names each file and the command that closes it.
 */
export function requirePrivate(layout: Layout): void {
  const loose = looseIn(layout)
  if (loose.length === 0) return
  const lines = loose.map(({ path, found, remedy }) => `  ${path} ${found}; do: ${remedy}`)
  throw new DeskError(
    'ENVIRONMENT',
    `others may have read or changed what is secret here; think who, then close it:\n${lines.join('\n')}`,
  )
}
