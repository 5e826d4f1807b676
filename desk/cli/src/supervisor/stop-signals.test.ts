import { expect, test } from 'vitest'
import { SECOND_SIGNAL_MS_MIN } from '../limits.ts'
import { onStopSignals } from './stop-signals.ts'

test('signals that come together are one wish, a later one is another', async () => {
  const calls: string[] = []
  const forget = onStopSignals({
    first: () => calls.push('first'),
    second: () => calls.push('second'),
  })
  for (const signal of ['SIGINT', 'SIGINT', 'SIGTERM'] as const) process.emit(signal)
  expect(calls).toEqual(['first'])
  await new Promise((resolve) => setTimeout(resolve, SECOND_SIGNAL_MS_MIN + 20))
  process.emit('SIGINT')
  forget()
  process.once('SIGINT', () => undefined)
  process.emit('SIGINT')
  expect(calls).toEqual(['first', 'second'])
})
