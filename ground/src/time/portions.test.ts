import { setImmediate as turn } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { beforeEach, expect, it } from 'vitest'
import { Portions } from './portions.ts'

let now = 0
let done: string[] = []
beforeEach(() => {
  done = []
})
/** Each piece takes a millisecond, the second half of it in the next tick. */
const portions = new Portions<string>(
  (piece) => {
    now += 0.5
    process.nextTick(() => {
      now += 0.5
      done.push(piece)
    })
  },
  { now: () => now },
)

it('does one piece in each turn where there is nothing else, in order', async () => {
  for (const piece of 'abc') portions.add(piece)
  expect([done, portions.size]).toEqual([[], 3])
  for (const so of ['a', 'ab', 'abc']) {
    await turn()
    expect(done.join('')).toBe(so)
  }
  expect(portions.size).toBe(0)
})

it('does as much more as others have taken time, within its share and its bound', async () => {
  for (const piece of 'abcdefgh') portions.add(piece)
  // Others take 6 ms of this turn: 1.5 are ours, and the piece that has begun by then is finished.
  now += 6
  await turn()
  expect(done.join('')).toBe('ab')
  await turn()
  expect(done.join('')).toBe('abc')
  now += 1_000
  await turn()
  expect(done.join('')).toBe('abcdefgh')
  for (const piece of 'ijk') portions.add(piece)
  await turn()
  expect(done.join('')).toBe('abcdefghi')
  for (let i = 0; i < 2; i++) await turn()
  expect(done.join('')).toBe('abcdefghijk')
})

it('begins anew after it was through', async () => {
  portions.add('a')
  await turn()
  portions.add('b')
  await turn()
  expect([done, portions.size]).toEqual([['a', 'b'], 0])
})

it('keeps nothing of what is done, also where it is never through', async () => {
  setFlagsFromString('--expose-gc')
  const collect: () => void = runInNewContext('gc')
  let worked = 0
  const busy = new Portions<object>(
    () => {
      worked++
    },
    { now: () => 0 },
  )
  const kept: WeakRef<object>[] = []
  const add = (): void => {
    const piece = {}
    kept.push(new WeakRef(piece))
    busy.add(piece)
  }
  add()
  // One comes for each that goes, and one waits at any time.
  for (let i = 0; i < 5_000; i++) {
    add()
    await turn()
  }
  collect()
  expect([worked, busy.size]).toEqual([5_000, 1])
  expect(kept.filter((each) => each.deref() !== undefined).length).toBeLessThan(2_000)
})

it('goes on when it is told to, and counts the pause', async () => {
  let run = (): void => {}
  const slow = new Portions<string>(
    (piece) => {
      now += 1
      done.push(piece)
    },
    {
      now: () => now,
      later: (begin) => {
        run = begin
      },
    },
  )
  for (const piece of 'abcd') slow.add(piece)
  now += 6
  run()
  await turn()
  expect(done.join('')).toBe('ab')
  run()
  await turn()
  expect(done.join('')).toBe('abc')
})
