import { afterAll, beforeAll, expect, it } from 'vitest'
import { compareWithNode } from './compare-with-node.fixture.ts'
import { NodeReader } from '../testkit/node-reader.ts'

const CASES = 2_000
const AT_ONCE = 50

let node: NodeReader
beforeAll(async () => {
  node = await NodeReader.start()
})
afterAll(() => node.close())

it('whatever is taken for a request here, Node takes for the same one', async () => {
  let whole = 0
  for (let from = 1; from <= CASES; from += AT_ONCE) {
    const seeds = Array.from({ length: AT_ONCE }, (_, i) => from + i)
    for (const each of await Promise.all(seeds.map((seed) => compareWithNode(node, seed)))) {
      expect(each.difference).toBeUndefined()
      whole += each.whole
    }
  }
  // Otherwise nothing was compared: many of the bytes are well-formed.
  expect(whole).toBeGreaterThan(CASES / 2)
})
