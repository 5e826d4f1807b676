import { createLog } from '@countersign/ground/telemetry'
import { until } from '@countersign/ground/testkit'
import { expect, test } from 'vitest'
import { type Answer, Follow, nextIndex, retryMs } from './follow.ts'
import { RETRY_MS_MAX, RETRY_MS_MIN } from './limits.ts'

const log = createLog({ service: 's', node: 's', level: 'silent' })

/** A state that is followed, with a registry whose answers the test gives one by one. */
function following() {
  const asked: number[] = []
  let give: (answer: Answer<string>) => void = () => {}
  let fail: (error: Error) => void = () => {}
  const states: boolean[] = []
  const follow = new Follow<string>({
    what: 'order',
    initial: 'nothing',
    log,
    onState: (stale) => states.push(stale),
    ask: (index) => {
      asked.push(index)
      return new Promise((resolve, reject) => {
        give = resolve
        fail = reject
      })
    },
  })
  const asks = (count: number): Promise<void> =>
    until(() => asked.length === count, `it asks ${count} times`)
  return {
    follow,
    asked,
    states,
    asks,
    give: (answer: Answer<string>) => give(answer),
    fail: () => fail(new Error('away')),
  }
}

test('keeps the last state, flagged stale, and asks for all of it after a failure', async () => {
  const { follow, asked, asks, give, fail, states } = following()
  expect([follow.current(), follow.stale]).toEqual(['nothing', true])
  give({ index: 7, value: 'a' })
  await asks(2)
  expect([follow.current(), follow.stale, asked]).toEqual(['a', false, [0, 7]])
  fail()
  await asks(3)
  expect([follow.current(), follow.stale, asked]).toEqual(['a', true, [0, 7, 0]])
  give({ index: 3, value: 'b' })
  await asks(4)
  expect([follow.current(), follow.stale, asked]).toEqual(['b', false, [0, 7, 0, 3]])
  expect(states).toEqual([false, true, false])
  follow.close()
})

test('starts over when the index goes back', async () => {
  const { follow, asked, asks, give } = following()
  give({ index: 9, value: 'a' })
  await asks(2)
  give({ index: 2, value: 'b' })
  await asks(3)
  expect(asked).toEqual([0, 9, 0])
  follow.close()
})

test('tells listeners of changes only, and one that throws harms no other', async () => {
  const { follow, asks, give } = following()
  let told = 0
  follow.onChange(() => {
    throw new Error('broken listener')
  })
  const stop = follow.onChange(() => {
    told += 1
  })
  give({ index: 1, value: 'a' })
  await asks(2)
  give({ index: 2, value: undefined })
  await asks(3)
  expect(told).toBe(1)
  stop()
  give({ index: 3, value: 'c' })
  await asks(4)
  expect(told).toBe(1)
  follow.close()
})

test('lets who waits for the first answer go on when there is none', async () => {
  const { follow, fail } = following()
  fail()
  await follow.first
  expect(follow.stale).toBe(true)
  follow.close()
})

test('asks nothing more once it is closed', async () => {
  const { follow, asked, give } = following()
  follow.close()
  give({ index: 1, value: 'a' })
  await new Promise((resolve) => setTimeout(resolve, 30))
  expect([asked.length, follow.current()]).toEqual([1, 'nothing'])
})

test.each([
  [0, 5, 5],
  [5, 5, 5],
  [5, 4, 0],
  [5, 0, 0],
  [5, Number.NaN, 0],
])('after index %d an answer with %d leads to %d', (before, answered, next) => {
  expect(nextIndex(before, answered)).toBe(next)
})

test('waits longer after each failure, up to a bound, and never all alike', () => {
  expect(retryMs(0, 0)).toBe(RETRY_MS_MIN)
  expect(retryMs(0, 1)).toBe(RETRY_MS_MIN / 2)
  expect(retryMs(2, 0)).toBe(RETRY_MS_MIN * 4)
  for (const failures of [10, 1e6]) expect(retryMs(failures, 0)).toBe(RETRY_MS_MAX)
})
