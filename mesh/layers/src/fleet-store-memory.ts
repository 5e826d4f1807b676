import { FleetBudget } from './fleet-budget.ts'
import type { OpenFleetStore } from './fleet-store.ts'

interface Kept {
  readonly text: string
  /** Milliseconds since 1970. */
  readonly until: number
}

/**
 * For an instance that is all of its fleet. It begins with nothing, so it is young until `ttlMs` are over; `bornAt` says
 * otherwise. `now`: milliseconds since 1970.
 */
export function createMemoryFleetStore({
  now = Date.now,
  bornAt = now(),
  bytesMax,
}: {
  readonly now?: () => number
  readonly bornAt?: number
  readonly bytesMax?: number
} = {}): OpenFleetStore {
  const budget = new FleetBudget(bytesMax)
  const kept = new Map<string, Kept>()
  let sweptAt = 0
  const find = (key: string): string | undefined => {
    const found = kept.get(key)
    return found !== undefined && now() < found.until ? found.text : undefined
  }
  /** What is over takes room, which the budget bounds, for a second more at most. */
  const put = (key: string, next: { text: string; ttlMs: number }): boolean => {
    const at = now()
    if (Math.abs(at - sweptAt) >= 1_000) {
      sweptAt = at
      for (const [each, { until }] of kept) if (until <= at) kept.delete(each)
    }
    if (!budget.take(key, next, at)) return false
    kept.set(key, { text: next.text, until: at + next.ttlMs })
    return true
  }
  return {
    async putNew(key, text, ttlMs) {
      if (find(key) !== undefined) return 'there'
      if (!put(key, { text, ttlMs })) return 'away'
      return now() - bornAt >= ttlMs ? 'put' : 'young'
    },
    async get(key) {
      return { text: find(key) }
    },
    async swap(key, before, next) {
      if (find(key) !== before) return 'other'
      if (next === undefined) kept.delete(key)
      else if (!put(key, next)) return 'away'
      return 'done'
    },
    close: () => kept.clear(),
  }
}
