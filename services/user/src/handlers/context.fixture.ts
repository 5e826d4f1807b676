import { describe } from '@countersign/contract'
import type { Witness } from '@countersign/contract/platform'
import { createLog } from '@countersign/ground/telemetry'
import { Permit } from '@countersign/layers'
import { contract } from '../contract.ts'
import type { UserContext } from './parts.ts'

const { endpoints } = describe(contract)
const authorize = Permit.authorizer(() => ({ allowed: true, rule: 'test' }))

/** What the door would hand to a handler, for a person of this id. */
export function contextFor(
  name: keyof typeof contract.endpoints,
  personId?: string,
): UserContext & { witnessed: Witness[] } {
  const endpoint = endpoints.find((each) => each.name === name)
  if (endpoint === undefined) throw new Error(`no endpoint ${name}`)
  const person =
    personId === undefined
      ? undefined
      : { id: personId, name: undefined, roles: [], clientId: undefined, tokenId: undefined }
  const ask = { service: 'user', endpoint, caller: 'gateway', callerId: undefined, person }
  const permit = authorize(ask)
  if (!Permit.is(permit)) throw new Error('the test refused itself')
  const witnessed: Witness[] = []
  return {
    permit,
    requestId: 'test',
    idempotencyKey: undefined,
    path: endpoint.path,
    signal: new AbortController().signal,
    log: createLog({ service: 'user', node: 'user-1', level: 'silent' }),
    call: () => {
      throw new Error('the user service calls nobody')
    },
    witness: (seen) => void witnessed.push(seen),
    witnessed,
  }
}
