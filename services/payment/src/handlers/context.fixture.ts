import { describe } from '@countersign/contract'
import type { Witness } from '@countersign/contract/platform'
import { createLog } from '@countersign/ground/telemetry'
import { Permit } from '@countersign/layers'
import { contract } from '../contract.ts'
import type { PaymentContext } from './index.ts'

const { endpoints } = describe(contract)
const authorize = Permit.authorizer(() => ({ allowed: true, rule: 'test' }))
type More = Partial<Pick<PaymentContext, 'idempotencyKey'>> & { readonly personId?: string }

/** What the door would hand to a handler. */
export function contextFor(
  name: keyof typeof contract.endpoints,
  { personId, idempotencyKey }: More = {},
): PaymentContext & { witnessed: Witness[] } {
  const endpoint = endpoints.find((each) => each.name === name)
  if (endpoint === undefined) throw new Error(`no endpoint ${name}`)
  const person =
    personId === undefined
      ? undefined
      : { id: personId, name: undefined, roles: [], clientId: undefined, tokenId: undefined }
  const [caller = ''] = endpoint.callers
  const permit = authorize({ service: 'payment', endpoint, caller, callerId: undefined, person })
  if (!Permit.is(permit)) throw new Error('the test refused itself')
  const witnessed: Witness[] = []
  return {
    permit,
    requestId: 'test',
    idempotencyKey,
    path: endpoint.path,
    signal: new AbortController().signal,
    log: createLog({ service: 'payment', node: 'payment-1', level: 'silent' }),
    call: () => {
      throw new Error('the payment service calls nobody')
    },
    witness: (seen) => void witnessed.push(seen),
    witnessed,
  }
}
