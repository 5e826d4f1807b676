import { afterAll, describe, expect, test } from 'vitest'
import { anOrder } from './support/door.ts'
import { sharedPlatform } from './support/shared.ts'

const platform = sharedPlatform()
afterAll(() => platform.door.close())

describe('the audit log', () => {
  test('holds a placed order from door to door, under one request id', async () => {
    const token = await platform.token('customer')
    const placed = await platform.ask({ path: '/orders', token, body: anOrder() })
    expect(placed.status, placed.text).toBe(201)
    const text = JSON.stringify(await platform.events(placed.requestId, 5))
    for (const what of [
      'order.place',
      'payment.charge',
      'spiffe://countersign.local/service/order',
      'spiffe://countersign.local/gateway/public',
    ])
      expect(text).toContain(what)
    expect(text).not.toContain('4242424242424242')
  })

  test('is proven from the public key alone', async () => {
    const verified = await platform.json('audit', 'verify')
    expect(verified).toMatchObject({ ok: true })
    expect(verified.size).toBeGreaterThan(0)
  })
})
