import fc from 'fast-check'
import { expect, test } from 'vitest'
import { closeFrame, FrameEdges } from './frame-edges.ts'

/* RFC 6455 section 5.2, with lengths of all three forms, masked and not. */
function frame(length: number, masked: boolean): Buffer {
  const key = masked ? 0x80 : 0
  const head =
    length < 126
      ? Buffer.from([0x82, key | length])
      : length < 65_536
        ? Buffer.from([0x82, key | 126, length >> 8, length & 0xff])
        : Buffer.from([
            0x82,
            key | 127,
            0,
            0,
            0,
            0,
            0,
            length >> 16,
            (length >> 8) & 0xff,
            length & 0xff,
          ])
  return Buffer.concat([head, Buffer.alloc(masked ? 4 : 0, 1), Buffer.alloc(length, 0x88)])
}
const frames = fc.array(
  fc.record({
    length: fc.constantFrom(0, 1, 125, 126, 127, 300, 65_535, 65_536, 70_000),
    masked: fc.boolean(),
  }),
  { minLength: 1, maxLength: 4 },
)

test('is between two frames exactly where one has ended, however the bytes are cut', () => {
  fc.assert(
    fc.property(frames, fc.array(fc.nat(70_000), { maxLength: 8 }), (list, cuts) => {
      const all = list.map(({ length, masked }) => frame(length, masked))
      const whole = Buffer.concat(all)
      const ends = new Set<number>([0])
      let end = 0
      for (const each of all) {
        end += each.length
        ends.add(end)
      }
      const places = [...cuts.filter((at) => at <= whole.length), whole.length].sort(
        (a, b) => a - b,
      )
      const edges = new FrameEdges()
      let from = 0
      for (const at of places) {
        edges.follow(whole.subarray(from, at))
        from = at
        expect(edges.atEdge).toBe(ends.has(at))
      }
    }),
    { numRuns: 200 },
  )
})

test('nothing can be put behind the last frame', () => {
  const edges = new FrameEdges()
  edges.follow(closeFrame(1008, 'why'))
  expect(edges.atEdge).toBe(false)
  expect([...closeFrame(1008, 'why')]).toEqual([0x88, 5, 0x03, 0xf0, 0x77, 0x68, 0x79])
})
