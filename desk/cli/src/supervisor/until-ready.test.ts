import { describe, expect, it } from 'vitest'
import type { Seen } from './probe.ts'
import type { ProcessSpec } from './process-spec.ts'
import { untilReady, waitingWords } from './until-ready.ts'

const spec = (instance: string): ProcessSpec => ({ instance }) as ProcessSpec
const seen = (ready: boolean, waitsFor?: string): Seen => ({
  ...{ status: ready ? 'ready' : 'not ready', spiffeId: 'spiffe://a/b', ready },
  certificate: { notAfter: '2030-01-01T00:00:00Z', serial: '01', renewals: 0 },
  ...(waitsFor === undefined ? {} : { waitsFor }),
})
const never = (): boolean => false

describe('untilReady', () => {
  it('asks until each has said that it is ready, and no longer', async () => {
    const asked: string[] = []
    const ask = async ({ instance }: ProcessSpec): Promise<Seen | undefined> => {
      asked.push(instance)
      const times = asked.filter((name) => name === instance).length
      if (instance === 'slow') return times === 1 ? undefined : seen(times === 3)
      return seen(true)
    }
    const options = { ask, withinMs: 60_000, over: never }
    expect(await untilReady([spec('quick'), spec('slow')], options)).toEqual([])
    expect(asked).toEqual(['quick', 'slow', 'slow', 'slow'])
  })
  it('says who was not in time, and why where that is known', async () => {
    const ask = async ({ instance }: ProcessSpec): Promise<Seen | undefined> =>
      instance === 'gateway-1' ? seen(false, 'its configuration') : undefined
    const options = { ask, withinMs: 1, over: never }
    const waiting = await untilReady([spec('gateway-1'), spec('order-1')], options)
    expect(waitingWords(waiting)).toBe('gateway-1 (it waits for its configuration), order-1')
  })
  it('ends early where nobody wants to know any more', async () => {
    let asked = 0
    const options = { ask: async () => seen(++asked > 1_000), withinMs: 60_000, over: () => true }
    expect(await untilReady([spec('a')], options)).toHaveLength(1)
    expect(asked).toBe(1)
  })
})
