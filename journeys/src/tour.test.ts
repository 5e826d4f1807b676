import { afterAll, describe, expect, test } from 'vitest'
import { sharedPlatform } from './support/shared.ts'

const platform = sharedPlatform()
afterAll(() => platform.door.close())

interface Leg {
  readonly number: number
  readonly proof: Readonly<Record<string, unknown>> | null
}

describe('the OpenAPI page of a service', () => {
  test('is printed as its contract declares it', async () => {
    const { stdout } = await platform.desk('openapi', 'order')
    const page = JSON.parse(stdout)
    expect(page.openapi).toBe('3.1.0')
    expect(page.paths['/orders'].post['x-countersign-roles']).toEqual(['customer', 'admin'])
  })
})

describe('the tour', () => {
  test('holds the seven steps and the nine hops with their proofs', async () => {
    const { steps, hops } = await platform.json<{ steps: Leg[]; hops: Leg[] }>('tour')
    expect(steps).toHaveLength(7)
    expect(hops).toHaveLength(9)
    for (const leg of [...steps, ...hops])
      expect(Object.keys(leg.proof ?? {}).length, String(leg.number)).toBeGreaterThan(0)
    const text = JSON.stringify({ steps, hops })
    for (const id of ['gateway/public', 'service/order', 'service/payment'])
      expect(text).toContain(`spiffe://countersign.local/${id}`)
    expect(text).toContain('TLSv1.3')
  })
})
