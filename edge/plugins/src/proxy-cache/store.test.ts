import { beforeEach, expect, test } from 'vitest'
import type { Entry } from './entry.ts'
import { INVALIDATIONS_MAX, VARIANTS_MAX } from './limits.ts'
import { CacheStore } from './store.ts'

const entry = (given: Partial<Entry> = {}): Entry => ({
  status: 200,
  headers: [],
  body: Buffer.from('x'),
  freshness: {} as Entry['freshness'],
  varyNames: [],
  varyDigest: '',
  etag: undefined,
  lastModified: undefined,
  keptUntil: 1_000,
  bytes: 10,
  ...given,
})
let nowMs = 0
beforeEach(() => {
  nowMs = 0
})
const any = () => true
const at = (store: CacheStore, key: string) => ({ key, address: `a/${key}`, moment: store.moment })

test('keeps within its bounds; what was not used for the longest time goes first', () => {
  const store = new CacheStore(() => nowMs, { bytesMax: 50, entriesMax: 3 })
  for (const key of ['a', 'b', 'c']) store.put(at(store, key), entry())
  store.find('a', any)
  store.put(at(store, 'd'), entry())
  expect(['a', 'b', 'c', 'd'].filter((key) => store.find(key, any))).toEqual(['a', 'c', 'd'])
  store.put(at(store, 'big'), entry({ bytes: 45 }))
  expect([store.count, store.bytes]).toEqual([1, 45])
  store.put(at(store, 'never'), entry({ bytes: 51 }))
  expect(store.find('never', any)).toBeUndefined()
})

test('forgets what is kept no longer', () => {
  const store = new CacheStore(() => nowMs)
  store.put(at(store, 'a'), entry())
  nowMs = 999
  expect(store.find('a', any)).toBeDefined()
  nowMs = 1_000
  expect(store.find('a', any)).toBeUndefined()
  expect([store.count, store.bytes]).toEqual([0, 0])
})

test('keeps a bounded number of variants, and one of each', () => {
  const store = new CacheStore(() => nowMs)
  for (let i = 0; i < VARIANTS_MAX + 5; i++)
    store.put(at(store, 'a'), entry({ varyNames: ['x'], varyDigest: String(i) }))
  store.put(at(store, 'a'), entry({ varyNames: ['x'], varyDigest: '10' }))
  expect(store.count).toBe(VARIANTS_MAX)
  expect(store.find('a', ({ varyDigest }) => varyDigest === '4')).toBeUndefined()
})

test('an unsafe request makes it forget, for everybody, also what is under way', () => {
  const store = new CacheStore(() => nowMs)
  const before = store.moment
  const address = 'localhost/orders?'
  store.put({ key: 'ada', address, moment: before }, entry())
  store.put({ key: 'bob', address, moment: before }, entry())
  store.put({ key: 'other', address: 'localhost/users?', moment: before }, entry())
  store.invalidate(address)
  expect(store.count).toBe(1)
  store.put({ key: 'ada', address, moment: before }, entry())
  expect(store.find('ada', any)).toBeUndefined()
  store.put({ key: 'ada', address, moment: store.moment }, entry())
  expect(store.find('ada', any)).toBeDefined()
})

test('where it cannot know any more whether an answer is outdated, it is not stored', () => {
  const store = new CacheStore(() => nowMs)
  const moment = store.moment
  for (let i = 0; i < INVALIDATIONS_MAX + 2; i++) store.invalidate(String(i))
  store.put({ key: 'a', address: 'other', moment }, entry())
  expect(store.count).toBe(0)
})
