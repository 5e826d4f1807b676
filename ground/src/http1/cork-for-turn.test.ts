import { Writable } from 'node:stream'
import { setImmediate as turn } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { corkForTurn } from './cork-for-turn.ts'

function collector(): { stream: Writable; pieces: string[] } {
  const pieces: string[] = []
  const stream = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      pieces.push(chunk.toString())
      done()
    },
    writev: (chunks, done) => {
      pieces.push(chunks.map(({ chunk }) => String(chunk)).join(''))
      done()
    },
  })
  return { stream, pieces }
}

it('keeps what is written until the turn is over, and then gives it in one piece, in order', async () => {
  const [a, b] = [collector(), collector()]
  for (const each of ['1', '2', '3']) {
    corkForTurn(a.stream)
    a.stream.write(each)
  }
  corkForTurn(b.stream)
  b.stream.write('x')
  await Promise.resolve()
  expect([a.pieces, b.pieces]).toEqual([[], []])
  await turn()
  expect([a.pieces, b.pieces]).toEqual([['123'], ['x']])
  corkForTurn(a.stream)
  a.stream.write('4')
  await turn()
  expect(a.pieces).toEqual(['123', '4'])
  expect(a.stream.writableCorked).toBe(0)
})

it('leaves nothing behind where a stream ends or is destroyed meanwhile', async () => {
  const [a, b] = [collector(), collector()]
  corkForTurn(a.stream)
  a.stream.write('1')
  a.stream.end('2')
  corkForTurn(b.stream)
  b.stream.write('x')
  b.stream.destroy()
  await turn()
  await turn()
  expect(a.pieces.join('')).toBe('12')
  expect(b.pieces).toEqual([])
})
