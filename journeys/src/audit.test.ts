import { until } from '@countersign/ground/testkit'
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

  test('raises an alert when one person is refused again and again', async () => {
    const token = await platform.token('auditor')
    const refused = await Promise.all(
      Array.from({ length: 80 }, () => platform.ask({ path: '/users', token })),
    )
    expect(new Set(refused.map((answer) => answer.status))).toEqual(new Set([403, 429]))
    await until(async () => {
      const { stdout } = await platform.desk('audit', 'tail', '--alerts', '--json')
      return stdout.includes('doors.refusal-burst')
    }, 'an alert of detection')
  })

  test('is proven from the public key alone', async () => {
    const verified = await platform.json('audit', 'verify')
    expect(verified).toMatchObject({ ok: true })
    expect(verified.size).toBeGreaterThan(0)
  })
})
