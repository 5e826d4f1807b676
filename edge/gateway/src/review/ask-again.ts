import { Refusal } from '@countersign/layers'
import { askedOf } from '../asked-of.ts'
import type { Layer } from '../compose.ts'
import { type Route, routeOf } from '../domain/route.ts'
import type { Exchange } from '../exchange.ts'
import { checkProtocol } from '../layers/match-route.ts'
import type { PluginExchange } from '../plugins/plugin-exchange.ts'
import { runAccess } from '../plugins/run-access.ts'
import type { Routes } from '../routes.ts'
import { pluginsAgain } from './carry-proofs.ts'

/*
 * Whether a request that goes on would be let pass as things are now. It meets the doors that it has met, as if it came now:
 *
 * 1. its route: the same one, to the same service, with the same protocol
 * 2. the plugins that are asked again, and in their midst who is asking: credentials are looked up anew
 * 3. whether they may
 * Nothing is used up, changed or sent: limits, caches and what changes requests had their say once.
 */
export interface AskingBy {
  readonly routes: Routes
  readonly hosts: ReadonlySet<string>
  readonly authenticate: Layer
  readonly authorize: Layer
  /** Milliseconds since 1970. */
  readonly now: () => number
}
/** Gives back why not; `undefined`: it would be. Status 5xx where that cannot be told now. Never rejects. */
export type AskAgain = (exchange: Exchange) => Promise<Refusal | undefined>

export const createAskAgain =
  (by: AskingBy): AskAgain =>
  async (exchange) => {
    const again = exchange.asIfNew()
    try {
      await pass(again, exchange, by)
      return undefined
    } catch (error) {
      return error instanceof Refusal ? error : new Refusal('INTERNAL', { cause: error })
    } finally {
      again.release()
    }
  }

async function pass(again: Exchange, before: Exchange, by: AskingBy): Promise<void> {
  findRoute(again, before, by)
  const { plugins } = again
  if (plugins !== undefined) await run(plugins, 'early')
  // A token of ours that was good then: no change of the configuration takes it back.
  if (before.person === undefined) await by.authenticate(again, onward)
  else again.person ??= before.person
  if (plugins !== undefined) await run(plugins, 'middle')
  await by.authorize(again, onward)
  if (plugins !== undefined) await run(plugins, 'late')
}
const onward = (): void => {}

function findRoute(again: Exchange, before: Exchange, { routes, hosts, now }: AskingBy): void {
  const found = routes.match(askedOf(again), hosts.has(again.host))
  const was = routeOf(before)
  if (!found.found || !isSame(found.route, was))
    throw new Refusal('ROUTE_UNKNOWN', {
      rule: `${was.origin}: it is gone, or leads elsewhere`,
      remedy: 'connect again',
    })
  const { live } = routes
  again.hold(live)
  again.route = found.route
  again.cut = found.cut
  again.captures = found.captures
  const chain = live.chainFor(found.route, found.platform)
  if (chain !== undefined) again.plugins = pluginsAgain(again, before, { chain, live, now: now() })
  checkProtocol(again, found)
}

function isSame(now: Route, was: Route): boolean {
  if (now.label !== was.label || now.operator?.id !== was.operator?.id) return false
  const [to, from] = [now.operator?.kongService, was.operator?.kongService]
  return (
    to?.id === from?.id &&
    to?.host === from?.host &&
    to?.port === from?.port &&
    to?.protocol === from?.protocol
  )
}

async function run(asked: PluginExchange, stage: 'early' | 'middle' | 'late'): Promise<void> {
  await runAccess(asked, stage)
  const { answered } = asked
  if (answered === undefined) return
  throw new Refusal('CALLER_FORBIDDEN', {
    // Whatever the answer would be, it is one: this is no fault of ours that could pass.
    ...(answered.status >= 400 && answered.status < 500 ? { status: answered.status } : {}),
    rule: `${asked.place}: ${asked.decidedBy ?? 'a plugin has answered'}`,
    remedy: 'take the plugin away',
  })
}
