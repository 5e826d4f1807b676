import { manage } from './manage.ts'
import { ownAccount } from './own-account.ts'
import type { Parts, UserHandlers } from './parts.ts'
import { signIn } from './sign-in.ts'

/** All handlers of the user contract. */
export function handlers(parts: Parts): UserHandlers {
  return { ...signIn(parts), ...ownAccount(parts), ...manage(parts) }
}
