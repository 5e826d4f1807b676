import { control, type personSchema } from '@countersign/contract/platform'
import { messageOf } from '@countersign/ground/errors'
import type { Log } from '@countersign/ground/telemetry'
import { randomUUID } from 'node:crypto'
import type { z } from 'zod'
import type { Events } from '../events.ts'
import { HOLDER_CHECK_MS, HOLDER_TRUSTED_MS } from '../limits.ts'
import type { Actor } from '../store/control-store.ts'
import type { AdminKeys } from './admin-keys.ts'

/*
 * Whether those who hold keys are administrators still.
 *
 * - who holds a key is asked about every HOLDER_CHECK_MS, and before a key is made or is used after longer than that
 * - an account that is closed, or has the role no more, loses all of its keys: for good, and on record
 * - while nobody can tell, the last answer counts for HOLDER_TRUSTED_MS, which is as long as a token would; then no key is
 *   good until somebody can
 */
export type Standing = 'administrator' | 'nobody' | 'unknown'

interface Known {
  /** When it was asked, and when the answer was yes; milliseconds since 1970. */
  askedAt: number
  confirmedAt: number
  asking: Promise<Standing> | undefined
}
export interface HoldersOptions {
  readonly keys: AdminKeys
  /** The person as of now; `undefined`: unknown, or closed. Rejects where nobody can tell. */
  readonly find: (id: string) => Promise<z.infer<typeof personSchema> | undefined>
  readonly events: Pick<Events, 'keys'>
  readonly now: () => number
  readonly log: Log
}

export class Holders {
  readonly #options: HoldersOptions
  /** By person. No more than there are holders of keys. */
  readonly #known = new Map<string, Known>()
  readonly #timer: NodeJS.Timeout

  constructor(options: HoldersOptions) {
    this.#options = options
    this.#timer = setInterval(() => this.#checkAll(), HOLDER_CHECK_MS)
    this.#timer.unref()
  }

  /** How this person stands; the answer is at most twice HOLDER_CHECK_MS old, or of a time in which nobody could tell. */
  standing(actor: Actor): Standing | Promise<Standing> {
    const known = this.#known.get(actor.id)
    if (known === undefined || this.#options.now() - known.askedAt > 2 * HOLDER_CHECK_MS)
      return this.check(actor)
    return this.#last(known)
  }
  /** Asks now. Never rejects. */
  check(actor: Actor): Promise<Standing> {
    const known = this.#known.get(actor.id) ?? {
      ...{ askedAt: Number.NEGATIVE_INFINITY, confirmedAt: Number.NEGATIVE_INFINITY },
      asking: undefined,
    }
    this.#known.set(actor.id, known)
    known.asking ??= this.#ask(actor, known).finally(() => {
      known.asking = undefined
    })
    return known.asking
  }
  close(): void {
    clearInterval(this.#timer)
  }

  #checkAll(): void {
    const { keys, now } = this.#options
    const holders = keys.holders(now())
    const ids = new Set(holders.map(({ id }) => id))
    for (const id of this.#known.keys()) if (!ids.has(id)) this.#known.delete(id)
    for (const holder of holders) void this.check(holder)
  }

  async #ask(actor: Actor, known: Known): Promise<Standing> {
    const { find, now, log } = this.#options
    try {
      const person = await find(actor.id)
      known.askedAt = now()
      if (person === undefined || !isAdministrator(person.roles)) return this.#end(actor)
      known.confirmedAt = known.askedAt
    } catch (error) {
      known.askedAt = now()
      log.warn({ reason: messageOf(error) }, 'nobody can tell who is an administrator')
    }
    return this.#last(known)
  }
  #last({ confirmedAt }: Known): Standing {
    return this.#options.now() - confirmedAt <= HOLDER_TRUSTED_MS ? 'administrator' : 'unknown'
  }
  #end(actor: Actor): Standing {
    const { keys, events } = this.#options
    this.#known.delete(actor.id)
    const count = keys.revoke(actor.id)
    const what = 'the account is closed, or is no administrator any more'
    if (count > 0) events.keys({ actor, requestId: randomUUID(), what }, 'revoke', count)
    return 'nobody'
  }
}

/** Who may have a key made may have one. */
function isAdministrator(roles: readonly string[]): boolean {
  const wanted = control.endpoints.mintAdminKey.roles
  return Array.isArray(wanted) && roles.some((role) => wanted.includes(role))
}
