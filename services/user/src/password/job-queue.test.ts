import { expect, test } from 'vitest'
import { createJobQueue } from './job-queue.ts'

/** A job that ends when the test says so. */
function job(): { run: () => Promise<string>; end: () => void; started: () => boolean } {
  const { promise, resolve } = Promise.withResolvers<string>()
  let began = false
  return {
    run: () => {
      began = true
      return promise
    },
    end: () => resolve('done'),
    started: () => began,
  }
}
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

test('runs no more at one time than allowed, in the order of their coming', async () => {
  const queue = createJobQueue({ atOnceMax: 2, waitingMax: 10 })
  const jobs = Array.from({ length: 4 }, job)
  const results = jobs.map((each) => queue.run(each.run))
  await turn()
  expect(jobs.map((each) => each.started())).toEqual([true, true, false, false])
  expect(queue.waiting).toBe(2)
  jobs[1]?.end()
  await turn()
  expect(jobs.map((each) => each.started())).toEqual([true, true, true, false])
  for (const each of jobs) each.end()
  expect(await Promise.all(results)).toEqual(['done', 'done', 'done', 'done'])
})

test('a job that fails gives its place free', async () => {
  const queue = createJobQueue({ atOnceMax: 1, waitingMax: 1 })
  const failing = queue.run(() => Promise.reject(new Error('no')))
  const next = queue.run(async () => 'yes')
  await expect(failing).rejects.toThrow('no')
  expect(await next).toBe('yes')
})

test('who leaves the queue gives the place free, and is not worked for', async () => {
  const queue = createJobQueue({ atOnceMax: 1, waitingMax: 1 })
  const [first, second, third] = [job(), job(), job()]
  const running = queue.run(first.run)
  const leaving = new AbortController()
  const gone = queue.run(second.run, leaving.signal)
  await expect(queue.run(third.run)).rejects.toMatchObject({ code: 'OVERLOADED' })
  leaving.abort()
  await expect(gone).rejects.toMatchObject({ name: 'AbortError' })
  const waiting = queue.run(third.run)
  first.end()
  third.end()
  expect(await Promise.all([running, waiting])).toEqual(['done', 'done'])
  expect(second.started()).toBe(false)
})
