import { describe } from '@countersign/contract'
import type { Witness } from '@countersign/contract/platform'
import { createLog } from '@countersign/ground/telemetry'
import { Permit } from '@countersign/layers'
import { contract } from '../contract.ts'
import type { Payments } from '../placing/desk.ts'
import type { OrderContext } from './index.ts'

const { endpoints } = describe(contract)
const authorize = Permit.authorizer(() => ({ allowed: true, rule: 'test' }))

/** What the policy would give to a person with these roles. */
export function permitFor(id: string | undefined, ...roles: string[]): Permit {
  const [endpoint] = endpoints
  if (endpoint === undefined) throw new Error('the contract is empty')
  const facts = { name: id, roles, clientId: undefined, tokenId: undefined }
  const person = id === undefined ? undefined : { id, ...facts }
  const ask = { service: 'order', endpoint, caller: 'gateway', callerId: undefined, person }
  const permit = authorize(ask)
  if (!Permit.is(permit)) throw new Error('the test refused itself')
  return permit
}

/** What the door would hand to a handler. */
export function contextFor(
  permit: Permit,
  more: { payments?: Payments; idempotencyKey?: string } = {},
): OrderContext & { witnessed: Witness[] } {
  const witnessed: Witness[] = []
  return {
    permit,
    requestId: 'test',
    idempotencyKey: more.idempotencyKey,
    path: '/orders',
    signal: new AbortController().signal,
    log: createLog({ service: 'order', node: 'order-1', level: 'silent' }),
    call: () => (more.payments ?? {}) as never,
    witness: (seen) => void witnessed.push(seen),
    witnessed,
  }
}
