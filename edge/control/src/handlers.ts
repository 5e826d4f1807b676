import type { Handlers } from '@countersign/contract'
import type { control, ControlVersion } from '@countersign/contract/platform'
import { KongError } from '@countersign/kong'
import { Refusal } from '@countersign/layers'
import type { Context } from '@countersign/service'
import { causeOf, type HandlerParts, mustNotBeFile, shown, type Some } from './handler-parts.ts'
import type { Standing } from './keys/holders.ts'
import { rollBack } from './plane/roll-back.ts'
import { textHandlers } from './text-handlers.ts'

/** Answers the contract `control`: gateways ask for the configuration, the desk acts for people. */
export function createHandlers(on: HandlerParts): Handlers<typeof control, Context> {
  return { ...feedHandlers(on), ...keyHandlers(on), ...changeHandlers(on), ...textHandlers(on) }
}
function feedHandlers({
  plane,
  gateways,
  waiters,
}: HandlerParts): Some<'configuration' | 'reportHealth' | 'state'> {
  return {
    state: () => ({ version: plane.version, gateways: [...gateways.list()] }),
    configuration: async ({ query, signal }) => {
      gateways.saw(query.instance, { applied: query.applied, fault: query.fault })
      // Another version, also one from a future that this store has forgotten, is answered at once.
      if (plane.version === query.after) await waiters.wait(query.wait * 1_000, signal)
      return {
        version: plane.version,
        config: plane.config as unknown as Record<string, Record<string, unknown>[]>,
        overrides: [...plane.overrides.values()],
      }
    },
    reportHealth: ({ body }) => gateways.found(body.instance, body.targets),
  }
}

function keyHandlers({
  keys,
  holders,
  events,
  now,
  url,
}: HandlerParts): Some<'mintAdminKey' | 'revokeAdminKeys'> {
  return {
    mintAdminKey: async (context) => {
      const cause = causeOf(context, 'mint an admin key')
      // The token is of before: a role that was taken away since ends here, and not with the first use of the key.
      mustBeAdministrator(await holders.check(cause.actor))
      const { key, expiresAt } = keys.mint(cause.actor, now())
      events.keys(cause, 'mint', 1)
      return { key, expiresAt: new Date(expiresAt).toISOString(), url: url() }
    },
    revokeAdminKeys: ({ body, ...context }) => {
      const cause = causeOf(context, 'revoke admin keys')
      const revoked = keys.revoke(body.of === 'me' ? cause.actor.id : undefined)
      events.keys(cause, 'revoke', revoked)
      return { revoked }
    },
  }
}

function mustBeAdministrator(standing: Standing): void {
  if (standing === 'administrator') return
  const rule = `control: ${standing === 'nobody' ? 'no administrator any more' : 'nobody can tell who is an administrator'}`
  throw new Refusal(standing === 'nobody' ? 'ROLE_MISSING' : 'KEYS_UNAVAILABLE', { rule })
}

function changeHandlers(on: HandlerParts): Some<'history' | 'rollback' | 'exportConfig'> {
  const { plane, declarative } = on
  return {
    history: ({ query }) => ({
      version: plane.version,
      versions: plane.store.history(query.limit, query.before).map((made): ControlVersion => {
        const changes = plane.store.changesOf(made.version)
        return {
          ...made,
          at: new Date(made.at).toISOString(),
          changes: shown(changes),
          changed: changes.length,
        }
      }),
    }),
    rollback: async ({ body, ...context }) => {
      mustNotBeFile(on)
      const to = body.version
      const before = plane.version
      const work = plane.change(causeOf(context, `roll back to version ${to}`), (draft) =>
        rollBack(draft, { store: plane.store, from: plane.version, to }),
      )
      await work.catch(conflict)
      const { version } = plane
      const changed = version === before ? 0 : plane.store.changesOf(version).length
      return { version, changed }
    },
    exportConfig: ({ body }) => ({
      version: plane.version,
      config: declarative.export(plane.state, body.secrets),
    }),
  }
}

/** What Kong would refuse is told in its words. */
function conflict(error: unknown): never {
  if (!(error instanceof KongError)) throw error
  throw new Refusal('CONFLICT', { detail: error.message, rule: `control: ${error.message}` })
}
