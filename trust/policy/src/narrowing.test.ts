import type { EndpointDescriptor, ParsedLimit } from '@countersign/contract'
import { parseLimit } from '@countersign/contract'
import { describe, expect, test } from 'vitest'
import { misfits, NarrowingError, narrowedLimit, parseNarrowing } from './index.ts'

const mistakesOf = (text: string): readonly string[] => {
  try {
    parseNarrowing(text, 'policy.yaml')
  } catch (error) {
    if (error instanceof NarrowingError) return error.mistakes
    throw error
  }
  throw new Error('was accepted')
}
const limited = (limit: string): EndpointDescriptor =>
  ({ name: 'place', limit: parseLimit(limit) as ParsedLimit }) as EndpointDescriptor

describe('a narrowing file', () => {
  test('that is empty closes nothing', () => {
    expect(parseNarrowing('', 'policy.yaml')).toEqual({ denials: [], limits: [] })
  })

  test('reports every mistake with its line', () => {
    const text = [
      'deny:',
      '  - endpoint: payment',
      '  - endpoint: payment.charge',
      '    rolls: [x]',
      'limits:',
      '  - endpoint: order.place',
      '    limit: often',
      'allow: []',
    ].join('\n')
    expect(mistakesOf(text)).toEqual([
      expect.stringMatching(/^policy\.yaml:2: deny\.0\.endpoint: /),
      expect.stringMatching(/^policy\.yaml:3: deny\.1: .*rolls/),
      expect.stringMatching(/^policy\.yaml:1: : .*allow/),
    ])
    expect(mistakesOf('limits:\n  - endpoint: order.place\n    limit: often\n')).toEqual([
      expect.stringMatching(/^policy\.yaml:2: order\.place has the limit "often"/),
    ])
  })

  test('that is no YAML, names a key twice or hides behind aliases is refused', () => {
    expect(mistakesOf('deny: [')[0]).toMatch(/^policy\.yaml:1: /)
    expect(mistakesOf('deny: []\ndeny: []\n')[0]).toMatch(/^policy\.yaml:2: /)
    expect(() => parseNarrowing('a: &a [x]\ndeny: [*a, *a]\n', 'policy.yaml')).toThrow()
  })
})

describe('a limit', () => {
  const lower = (limit: string) =>
    parseNarrowing(`limits:\n  - endpoint: order.place\n    limit: ${limit}\n`, 'p')

  test.each([
    ['2/second per person', '5/second, 1000/hour per person', ['2/second', '1000/hour']],
    ['50/second per person', '5/second per person', ['5/second']],
    ['30/minute per person', '5/second per person', ['5/second', '30/minute']],
    ['1/second per address', '5/second per person', ['5/second']],
  ])('%s lowers %s', (operators, contracts, wanted) => {
    const { windows } = narrowedLimit(lower(operators), 'order', limited(contracts))
    expect(windows.map((window) => `${window.max}/${window.name}`)).toEqual(wanted)
  })
  test('lowers a smooth rate, too', () => {
    const wanted = { name: 'second', seconds: 1, max: 5, burst: 20 }
    const contracts = limited('10/second burst 20 per person')
    const { windows, smooth } = narrowedLimit(
      lower('300/minute burst 50 per person'),
      'order',
      contracts,
    )
    expect([windows, smooth]).toEqual([[], { ...wanted, name: 'minute', seconds: 60, max: 300 }])
    const faster = narrowedLimit(lower('99/second burst 3 per person'), 'order', contracts)
    expect(faster.smooth).toEqual({ ...wanted, max: 10, burst: 3 })
  })
  test('of another endpoint stays', () => {
    expect(
      narrowedLimit(lower('1/second per person'), 'user', limited('5/second per person')).windows,
    ).toHaveLength(1)
  })
})

describe('what does not fit the contract', () => {
  test('is named with its line: it would close and lower nothing', () => {
    const text = [
      'deny:',
      '  - endpoint: order.plcae',
      '  - endpoint: user.anything',
      'limits:',
      '  - { endpoint: order.place, limit: 1/second per caller }',
      '  - { endpoint: order.*, limit: 1/second per person }',
    ].join('\n')
    const contract = { service: 'order', endpoints: [limited('5/second per person')] }
    expect(misfits(parseNarrowing(text, 'policy.yaml'), contract)).toEqual([
      'policy.yaml:2: order has no endpoint "plcae"',
      expect.stringMatching(/^policy\.yaml:5: the limit of order\.place is not counted per caller/),
    ])
  })
})
