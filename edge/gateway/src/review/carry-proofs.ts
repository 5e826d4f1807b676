import type { KongConfig } from '@countersign/kong'
import { Refusal } from '@countersign/layers'
import type { Exchange } from '../exchange.ts'
import { type BoundChain, type BoundSlot, boundsOf } from '../plugins/bound-chain.ts'
import type { Live } from '../plugins/live.ts'
import { PluginExchange } from '../plugins/plugin-exchange.ts'

/*
 * What plugins are asked again about a request that goes on. Those that prove who asks look the credential up anew, but for
 * two cases, in which their proof goes on to hold:
 *
 * - the plugin cannot be asked twice (`again: false`)
 * - the proof itself is over, as a token is after five minutes: an answer that goes on outlives it, a tunnel does not
 *
 * It holds while the plugin's entity is unchanged, and consumer and credential are still there.
 */

/** The plugins of a request that goes on, to be asked again. Throws `Refusal` where a proof does not hold any more. */
export function pluginsAgain(
  again: Exchange,
  before: Exchange,
  { chain, live, now }: { readonly chain: BoundChain; readonly live: Live; readonly now: number },
): PluginExchange {
  const { provenUntil = Number.POSITIVE_INFINITY } = before
  const isOver = now >= provenUntil * 1000
  const isAsked = (slot: BoundSlot): boolean =>
    !isCarried(slot, isOver) && boundsOf(slot).every(({ plugin }) => plugin.again !== false)
  const asked = new PluginExchange(again, {
    ...chain,
    early: chain.early.filter(isAsked),
    middle: chain.middle.filter(isAsked),
    late: chain.late.filter(isAsked),
  })
  const carried = [...chain.early, ...chain.middle, ...chain.late].filter((slot) =>
    isCarried(slot, isOver),
  )
  if (carried.length > 0) carry(asked, before, { carried, live })
  return asked
}

const isCarried = (slot: BoundSlot, isOver: boolean): boolean =>
  boundsOf(slot).some(
    ({ plugin }) => plugin.authenticates === true && (isOver || plugin.again === false),
  )

function carry(
  asked: PluginExchange,
  before: Exchange,
  { carried, live }: { readonly carried: readonly BoundSlot[]; readonly live: Live },
): void {
  const { config } = live.compiled
  const was = before.live?.compiled.config
  const proven = before.plugins
  if (was === undefined || proven === undefined) throw notProven('it was not asked before')
  for (const { entity, name } of carried.flatMap(boundsOf))
    if (settingsOf(config, entity) !== settingsOf(was, entity))
      throw notProven(`plugin ${name} (${entity}) has changed`)
  const { person, consumer, credentialId, groups, anonymous } = proven
  const known = config.consumers.find(({ id }) => id === consumer?.id)
  if (consumer !== undefined && known === undefined) throw notProven('the consumer is gone')
  if (credentialId !== undefined && hasCredential(was, credentialId))
    if (!hasCredential(config, credentialId)) throw notProven('the credential is gone')
  asked.authenticated({ person, consumer: known, credentialId, groups, anonymous })
}

const settingsOf = ({ plugins }: KongConfig, entity: string): string | undefined => {
  const found = plugins.find(({ id }) => id === entity)
  return found === undefined ? undefined : JSON.stringify(found.config)
}
const hasCredential = (config: KongConfig, credential: string): boolean =>
  [config.keyauth_credentials, config.jwt_secrets, config.mtls_auth_credentials].some((list) =>
    list.some(({ id }) => id === credential),
  )
const notProven = (why: string): Refusal =>
  new Refusal('CREDENTIAL_INVALID', {
    rule: `what was proven does not hold any more: ${why}`,
    remedy: 'connect again',
  })
