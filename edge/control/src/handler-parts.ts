import type { Handlers } from '@countersign/contract'
import type { control, ControlVersion } from '@countersign/contract/platform'
import { type Change, hideSecrets } from '@countersign/kong'
import { Refusal } from '@countersign/layers'
import type { Context } from '@countersign/service'
import type { Declarative } from './declarative.ts'
import type { Events } from './events.ts'
import type { Gateways } from './feed/gateways.ts'
import type { Waiters } from './feed/waiters.ts'
import type { AdminKeys } from './keys/admin-keys.ts'
import type { Holders } from './keys/holders.ts'
import type { Cause, ControlPlane } from './plane/control-plane.ts'
import type { Actor } from './store/control-store.ts'

/** Changes of one version that an answer lists. */
const LISTED_MAX = 200

export interface HandlerParts {
  readonly plane: ControlPlane
  readonly gateways: Gateways
  readonly waiters: Waiters
  readonly keys: AdminKeys
  readonly holders: Pick<Holders, 'check'>
  readonly declarative: Declarative
  readonly events: Events
  readonly now: () => number
  /** Of the Admin API. */
  readonly url: () => string
  readonly fromFile: boolean
}

export type Some<K extends keyof Handlers<typeof control, Context>> = Pick<
  Handlers<typeof control, Context>,
  K
>

export function shown(changes: readonly Change[]): ControlVersion['changes'] {
  return changes.slice(0, LISTED_MAX).map(({ collection, id, before, after }) => ({
    collection,
    id,
    before: before === undefined ? null : { ...hideSecrets(collection, before) },
    after: after === undefined ? null : { ...hideSecrets(collection, after) },
  }))
}

export function mustNotBeFile({ fromFile }: HandlerParts): void {
  if (!fromFile) return
  throw new Refusal('CONFLICT', {
    detail: 'The configuration comes from a file; put the file back to what it was.',
    rule: 'control: kongFile is the configuration',
    remedy: 'change the file',
  })
}

type Asker = Pick<Context, 'permit' | 'requestId'>
export function causeOf({ permit, requestId }: Asker, what: string): Cause {
  return { actor: actorOf(permit), requestId, what }
}
function actorOf({ person }: Context['permit']): Actor {
  // The contract asks for a role, and a role is a person's.
  if (person === undefined)
    throw new Refusal('TOKEN_MISSING', { rule: 'control: who asks is not known' })
  return { id: person.id, name: person.name ?? person.id }
}
