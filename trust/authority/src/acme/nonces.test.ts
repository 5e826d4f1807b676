import { describe, expect, it } from 'vitest'
import { NONCE_LIFETIME_MS } from './limits.ts'
import { Nonces } from './nonces.ts'

describe('nonces', () => {
  it('are good once, in any order, and only here', () => {
    const nonces = new Nonces({ now: Date.now })
    const [a, b, c] = [nonces.next(), nonces.next(), nonces.next()]
    expect([nonces.use(c), nonces.use(a), nonces.use(b)]).toEqual([true, true, true])
    expect([a, b, c].map((nonce) => nonces.use(nonce))).toEqual([false, false, false])
    // Another process, or this one after a restart.
    expect(new Nonces({ now: Date.now }).use(nonces.next())).toBe(false)
  })

  it('cannot be made up or changed', () => {
    const nonces = new Nonces({ now: Date.now })
    const nonce = nonces.next()
    for (let i = 0; i < nonce.length; i++) {
      const changed = nonce.slice(0, i) + (nonce[i] === 'A' ? 'B' : 'A') + nonce.slice(i + 1)
      expect(nonces.use(changed)).toBe(false)
    }
    for (const text of ['', 'A'.repeat(43), `${nonce}=`, ` ${nonce}`, nonce.slice(1)])
      expect(nonces.use(text)).toBe(false)
    expect(nonces.use(nonce)).toBe(true)
  })

  it('end after an hour', () => {
    let now = 1_000_000
    const nonces = new Nonces({ now: () => now })
    const [late, later] = [nonces.next(), nonces.next()]
    now += NONCE_LIFETIME_MS
    expect(nonces.use(late)).toBe(true)
    now += 1
    expect(nonces.use(later)).toBe(false)
  })

  it('take bounded memory: what is too old to be remembered is refused, used or not', () => {
    const nonces = new Nonces({ now: Date.now, usedMax: 100 })
    const unused = nonces.next()
    const used = Array.from({ length: 1_000 }, () => nonces.next())
    for (const nonce of used) expect(nonces.use(nonce)).toBe(true)
    expect(used.filter((nonce) => nonces.use(nonce))).toEqual([])
    expect(nonces.use(unused)).toBe(false)
    expect(nonces.use(nonces.next())).toBe(true)
  })

  it('that are only asked for push nobody else’s out', () => {
    const nonces = new Nonces({ now: Date.now, usedMax: 10 })
    const mine = nonces.next()
    for (let i = 0; i < 10_000; i++) nonces.next()
    expect(nonces.use(mine)).toBe(true)
  })
})
