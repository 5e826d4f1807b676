import type { NewAuditEvent } from '@countersign/contract/platform'
import { Metrics } from '@countersign/ground/telemetry'
import { temporaryFolder } from '@countersign/ground/testkit'
import { Refusal } from '@countersign/layers'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { DOMAIN, type House, openHouse, plantTree, silent } from '../testing/status-house.ts'
import { createRevocationEvents } from './revocation-events.ts'
import { revocationHandlers } from './revocation-handlers.ts'

let temporary: ReturnType<typeof temporaryFolder>
let house: House
let events: NewAuditEvent[]
let isFull: boolean
beforeEach(async () => {
  temporary = temporaryFolder()
  house = await openHouse({ folder: temporary.path, tree: await plantTree('authority-1') })
  events = []
  isFull = false
})
afterEach(async () => {
  await house.close()
  temporary[Symbol.dispose]()
})

type Body = { of: { serial: string } | { name: string }; reason?: string }
type Reply = { revoked: { serial: string; name: string }[] }
function revoke(body: Body): Promise<Reply> {
  const recordDurably = async (event: NewAuditEvent) => {
    if (isFull) throw new Refusal('AUDIT_UNAVAILABLE')
    events.push(event)
  }
  const audit = { record: () => undefined, recordDurably, flush: async () => 0 }
  const metrics = new Metrics()
  const handlers = revocationHandlers({
    revocations: house.revocations,
    events: createRevocationEvents({ audit, log: silent, metrics }),
    trustDomain: DOMAIN,
  })
  const handle = handlers.revoke as unknown as (input: object) => Promise<Reply>
  return handle({ body, permit: { caller: 'desk' }, requestId: 'r-1' })
}

describe('the desk takes certificates back', () => {
  it('and is told which; intent and outcome are on record', async () => {
    const held = [await house.join('order'), await house.join('order')]
    const { revoked } = await revoke({ of: { name: 'order' }, reason: 'keyCompromise' })
    const name = 'spiffe://test.local/service/order'
    expect(revoked).toHaveLength(2)
    expect(revoked).toEqual(expect.arrayContaining(held.map(({ serial }) => ({ serial, name }))))
    expect(events.map(({ action, status }) => `${action} ${status}`)).toEqual([
      'certificate.revoke intent',
      'certificate.revoke success',
    ])
    expect(events[1]).toMatchObject({
      client: { workload: 'desk' },
      http: { request: { id: 'r-1' } },
      countersign: { details: { name, reason: 'keyCompromise', count: 2 } },
    })
    expect(house.revocations.find(held[0] ?? { serial: '' })).toMatchObject({ by: 'desk' })
  })

  it('and hears what is not to be had', async () => {
    const { serial } = await house.join('order')
    await revoke({ of: { serial } })
    events = []
    await expect(revoke({ of: { serial } })).rejects.toMatchObject({
      code: 'CONFLICT',
      facts: { detail: 'it has been taken back before' },
    })
    await expect(revoke({ of: { serial: 'abc' } })).rejects.toMatchObject({ code: 'NOT_FOUND' })
    await expect(revoke({ of: { name: 'nobody' } })).rejects.toMatchObject({ code: 'NOT_FOUND' })
    expect(events.map(({ status, event }) => `${status} ${event.code}`)).toEqual([
      'intent undefined',
      'refused CONFLICT',
      'intent undefined',
      'refused NOT_FOUND',
      'intent undefined',
      'refused NOT_FOUND',
    ])
  })

  it('but not while that cannot be recorded', async () => {
    const held = await house.join('order')
    isFull = true
    await expect(revoke({ of: { serial: held.serial } })).rejects.toMatchObject({
      code: 'AUDIT_UNAVAILABLE',
    })
    expect(house.revocations.has(held)).toBe(false)
  })
})
