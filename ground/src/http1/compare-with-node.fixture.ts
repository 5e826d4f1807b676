import { Chance } from '../testkit/chance.ts'
import type { NodeReader, NodeRequest } from '../testkit/node-reader.ts'
import { fuzzBytes } from './fuzz-bytes.fixture.ts'
import { type ReadRequest, readRequests } from './read-requests.fixture.ts'

/*
 * Whatever we take for a request, Node's parser takes for the same one: method, target, headers, body and where it ends.
 * The other way round need not hold: here is refused more.
 */

export interface Comparison {
  readonly seed: number
  /** Requests that we read whole. */
  readonly whole: number
  /** What differs; `undefined`: nothing. */
  readonly difference: string | undefined
}

export async function compareWithNode(node: NodeReader, seed: number): Promise<Comparison> {
  const bytes = fuzzBytes(new Chance(seed))
  const { requests } = readRequests([Buffer.from(bytes, 'latin1')])
  const theirs = await node.read(bytes)
  const whole = requests.filter((each) => each.complete).length
  for (const [i, ours] of requests.entries()) {
    // There it opens a tunnel, here nothing does.
    if (ours.head.method === 'CONNECT') break
    const what = differenceOf(ours, theirs[i])
    if (what === undefined) continue
    const told = JSON.stringify({ bytes, ours: requests, theirs })
    return { seed, whole, difference: `request ${i} of seed ${seed}: ${what}\n${told}` }
  }
  return { seed, whole, difference: undefined }
}

function differenceOf(ours: ReadRequest, theirs: NodeRequest | undefined): string | undefined {
  const { method, target, headers } = ours.head
  if (theirs === undefined) return 'Node does not take it for one'
  if (theirs.method !== method) return 'another method'
  if (theirs.target !== target) return 'another target'
  if (theirs.headers.join('\n') !== headers.join('\n')) return 'other headers'
  if (!ours.complete) return undefined
  if (!theirs.complete) return 'Node does not take it for whole'
  return theirs.body === ours.body ? undefined : 'another body'
}
