import type { Handlers, RawReply } from '@countersign/contract'
import type { registry as registryContract } from '@countersign/contract/platform'
import type { Context } from '@countersign/service'
import type { AllowAddress } from './domain/check-address.ts'
import { deregister, heartbeat } from './domain/heartbeat.ts'
import { publish } from './domain/publish.ts'
import { register } from './domain/register.ts'
import { CATALOG, CONTRACTS, type Outcome, type RegistryState, topicOf } from './domain/state.ts'
import { contractsOf, healthOf, indexOf, servicesOf } from './domain/view.ts'
import { type Refused, refuse, toRefusal } from './errors.ts'
import type { Registry } from './registry.ts'
import { waitMs } from './watch/wait.ts'

type Asker = Pick<Context, 'permit' | 'signal'>
interface Blocking {
  readonly index?: number | undefined
  readonly wait?: string | undefined
}

/** Answers in the shapes of the Consul HTTP API v1. Who calls is known from the certificate, not from the body. */
export function createHandlers(
  registry: Registry,
  allow: AllowAddress,
): Handlers<typeof registryContract, Context> {
  return {
    register: ({ body, permit }) => {
      const ask = { caller: permit.caller, registration: body, allow }
      change(registry, permit, (state) => register(state, ask, registry.now))
      return { status: 200 }
    },
    deregister: ({ params, permit }) => {
      const own = { caller: permit.caller, id: params.id }
      change(registry, permit, (state) => deregister(state, own))
      return { status: 200 }
    },
    pass: ({ params, permit }) => {
      const own = { caller: permit.caller, id: params.id }
      change(registry, permit, (state) => heartbeat(state, own, registry.now))
      return { status: 200 }
    },
    publish: ({ params, body, permit }) => {
      const ask = { caller: permit.caller, name: params.name, value: body }
      change(registry, permit, (state) => publish(state, ask))
      return json(200, registry.state.index, true)
    },
    health: async ({ params, query, ...asker }) => {
      const { name } = params
      const index = (): number => indexOf(registry.state, name)
      await changed(registry, { asker, topic: topicOf(name), query, index })
      return json(200, index(), healthOf(registry.state, name, isSet(query.passing)))
    },
    services: async ({ query, ...asker }) => {
      const index = (): number => registry.state.catalogIndex
      await changed(registry, { asker, topic: CATALOG, query, index })
      return json(200, index(), servicesOf(registry.state))
    },
    contracts: async ({ query, ...asker }) => {
      const index = (): number => registry.state.contractsIndex
      await changed(registry, { asker, topic: CONTRACTS, query, index })
      const found = contractsOf(registry.state)
      // Consul answers so for a prefix under which there is nothing.
      return found.length === 0
        ? { status: 404, headers: headersOf(index()) }
        : json(200, index(), found)
    },
  }
}

function change(
  registry: Registry,
  permit: Context['permit'],
  rule: (state: RegistryState) => Outcome | Refused,
): void {
  const refused = registry.apply(rule)
  if (refused === undefined) return
  registry.events.refused(permit.caller, permit.endpoint, refused)
  throw toRefusal(refused)
}

/**
 * A blocking query: waits while the reader knows the newest state. An index that differs, also one from the future
 * as a reader has it after this registry lost its state, is answered at once.
 */
async function changed(
  registry: Registry,
  ask: { asker: Asker; topic: string; query: Blocking; index: () => number },
): Promise<void> {
  await registry.settled
  const { asker, query } = ask
  if (query.index === undefined || query.index === 0 || query.index !== ask.index()) return
  const { caller } = asker.permit
  const timeoutMs = waitMs(query.wait, Math.random())
  const waiting = registry.watches.wait(ask.topic, { caller, timeoutMs, signal: asker.signal })
  if (waiting !== undefined) return waiting
  const refused = refuse('TOO_MANY_WAITERS', {
    detail: 'Too many requests wait for a change.',
    rule: `${caller} has no room to wait`,
    remedy: 'share one watch for each name in a process',
  })
  registry.events.refused(caller, asker.permit.endpoint, refused)
  throw toRefusal(refused)
}

/** Consul takes a bare `?passing`, and takes it back for `false` and `0`. */
const isSet = (flag: string | undefined): boolean =>
  flag !== undefined && flag !== 'false' && flag !== '0'

const headersOf = (index: number): Record<string, string> => ({
  'x-consul-index': String(index),
  'x-consul-knownleader': 'true',
  'x-consul-lastcontact': '0',
})

function json(status: number, index: number, value: unknown): RawReply {
  const headers = { ...headersOf(index), 'content-type': 'application/json' }
  return { status, headers, body: JSON.stringify(value) }
}
