import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { FleetStore, OpenFleetStore } from './fleet-store.ts'
import { FLEET_KEY_CHARS_MAX, FLEET_TEXT_CHARS_MAX, FLEET_TTL_MS_MAX } from './limits.ts'

/** A store as two instances see it; they may be one. `pass` lets so much time go by as the store sees it. */
export interface FleetTrial {
  readonly stores: readonly [OpenFleetStore, OpenFleetStore]
  pass(ms: number): Promise<void>
}

/** What every fleet store promises. */
export function fleetStoreTrial(name: string, make: () => Promise<FleetTrial>): void {
  describe(`${name}, as a fleet store`, () => {
    let one: FleetStore
    let other: FleetStore
    let trial: FleetTrial
    let keys = 0
    let key = ''
    beforeEach(async () => {
      trial = await make()
      ;[one, other] = trial.stores
      key = `trial ${keys++}:`
    })
    afterEach(() => {
      for (const store of trial.stores) store.close()
    })
    const LONG = 1_800_000

    it('lets one of many be first, whoever asks', async () => {
      const asked = Array.from({ length: 100 }, (_, i) =>
        (i % 2 === 0 ? one : other).putNew(key, `by ${i}`, LONG),
      )
      const answers = await Promise.all(asked)
      expect(answers.filter((each) => each === 'there').length).toBe(99)
      const winner = answers.findIndex((each) => each !== 'there')
      for (const store of [one, other])
        expect(await store.get(key)).toEqual({ text: `by ${winner}` })
      expect(await one.get(`${key}b`)).toEqual({ text: undefined })
    })

    it('says whether it could have forgotten one', async () => {
      expect(await one.putNew(`${key}long`, '', LONG)).toBe('young')
      await trial.pass(20)
      expect(await other.putNew(`${key}short`, '', 10)).toBe('put')
    })

    it('forgets when the time is over', async () => {
      await one.putNew(key, 'a', 20)
      await trial.pass(30)
      expect(await other.get(key)).toEqual({ text: undefined })
      expect(await other.swap(key, 'a', { text: 'b', ttlMs: LONG })).toBe('other')
      expect(await other.putNew(key, 'c', LONG)).not.toBe('there')
    })

    it('changes and takes away what is as it was', async () => {
      await one.putNew(key, 'a', LONG)
      expect(await other.swap(key, 'b', { text: 'c', ttlMs: LONG })).toBe('other')
      expect(await other.swap(key, 'a', { text: 'b', ttlMs: LONG })).toBe('done')
      expect(await one.get(key)).toEqual({ text: 'b' })
      expect(await one.swap(key, 'a', undefined)).toBe('other')
      expect(await one.swap(key, 'b', undefined)).toBe('done')
      expect(await other.get(key)).toEqual({ text: undefined })
      expect(await other.swap(key, '', undefined)).toBe('other')
    })

    it('keeps any text as it is, and none that is out of bounds', async () => {
      const text = 'ä\u0000\r\n€"\\ {}'
      await one.putNew(`${key}${text}`, text, LONG)
      expect(await other.get(`${key}${text}`)).toEqual({ text })
      const wrong: readonly (readonly [string, string, number])[] = [
        ['k'.repeat(FLEET_KEY_CHARS_MAX + 1), '', LONG],
        [key, 't'.repeat(FLEET_TEXT_CHARS_MAX + 1), LONG],
        [key, '', FLEET_TTL_MS_MAX + 1],
        [key, '', 0],
        [key, '', Number.NaN],
      ]
      for (const each of wrong) expect(await one.putNew(...each)).toBe('away')
      expect(await one.get(key)).toEqual({ text: undefined })
    })
  })
}
