import { describe, expect, it } from 'vitest'
import { createHostileChains } from '../testkit/index.ts'
import { validateChain } from './validate-chain.ts'

const now = Date.now()
const { bundle, good, hostile } = createHostileChains({ now })

describe('validateChain', () => {
  it('accepts the good chain', () => {
    expect(validateChain(good.chain, bundle, now, { profile: 'svid' })).toMatchObject({ ok: true })
  })

  it.each(hostile.map((row) => [row.name, row] as const))('refuses %s', (_, { chain, why }) => {
    const verdict = validateChain(chain, bundle, now, { profile: 'svid' })
    expect(verdict).toMatchObject({ ok: false, fault: expect.stringContaining(why) })
  })
})
