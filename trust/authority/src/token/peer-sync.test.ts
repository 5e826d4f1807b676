import { temporaryFolder, until } from '@countersign/ground/testkit'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { TokenState } from '../domain/token-book.ts'
import { silent } from '../testing/authority-host.ts'
import { JoinTokens } from './join-tokens.ts'
import { PeerSync } from './peer-sync.ts'

/** One authority's tokens, and a line to the other that can be cut. */
interface Side {
  readonly tokens: JoinTokens
  readonly sync: PeerSync
}
let folders: ReturnType<typeof temporaryFolder>[]
let line = true
let one: Side
let other: Side

async function openTokens(): Promise<JoinTokens> {
  const folder = temporaryFolder()
  folders.push(folder)
  return JoinTokens.open(folder.path, { now: Date.now, log: silent })
}
const lineTo = (tokens: JoinTokens) => ({
  share: async (hash: string, state: TokenState) => {
    if (!line) throw new Error('the line is cut')
    return tokens.learn(hash, state)
  },
})
beforeEach(async () => {
  folders = []
  line = true
  const [a, b] = [await openTokens(), await openTokens()]
  one = { tokens: a, sync: new PeerSync({ tokens: a, peer: lineTo(b), log: silent }) }
  other = { tokens: b, sync: new PeerSync({ tokens: b, peer: lineTo(a), log: silent }) }
})
afterEach(async () => {
  for (const { tokens, sync } of [one, other]) {
    sync.close()
    await tokens.close()
  }
  for (const folder of folders) folder[Symbol.dispose]()
})

async function mint({ tokens, sync }: Side) {
  const minted = await tokens.mint('order', 60_000)
  await sync.tell(minted.hash, minted.state)
  return minted
}
const refused = { code: 'TOKEN_REFUSED' }

describe('tokens of two authorities', () => {
  it('minted at one are usable at the other, once in all', async () => {
    const { token, hash } = await mint(one)
    expect(other.tokens.find(token).hash).toBe(hash)
    await other.sync.spend(hash)
    await expect(one.sync.spend(hash)).rejects.toMatchObject(refused)
    await expect(other.sync.spend(hash)).rejects.toMatchObject(refused)
  })

  it('asked at both in the same moment are used at one at most', async () => {
    for (let i = 0; i < 20; i++) {
      const { hash } = await mint(one)
      const both = await Promise.allSettled([one.sync.spend(hash), other.sync.spend(hash)])
      expect(both.filter(({ status }) => status === 'fulfilled').length).toBeLessThanOrEqual(1)
    }
  })

  it('can be used while the other is away, which hears of it when it is back', async () => {
    const { hash } = await mint(one)
    line = false
    await one.sync.spend(hash)
    const later = await mint(one)
    expect(one.sync.untold).toBe(2)
    line = true
    await until(() => one.sync.untold === 0, 'the other is told', 10_000)
    expect(other.tokens.stateOf(hash)).toMatchObject({ spent: true })
    expect(other.tokens.stateOf(later.hash)).toMatchObject({ spent: false, name: 'order' })
  })

  it('spent while the other is told of everything are not said to be spent twice', async () => {
    const [first, second] = [await mint(one), await mint(one)]
    const gate = Promise.withResolvers<void>()
    const words: string[] = []
    const peer = {
      share: async (hash: string, state: TokenState) => {
        words.push(`${hash === first.hash ? 'first' : 'second'} ${state.spent}`)
        if (hash === first.hash) await gate.promise
        return other.tokens.learn(hash, state)
      },
    }
    const sync = new PeerSync({ tokens: one.tokens, peer, log: silent })
    await until(() => words.length === 1, 'the round has begun', 10_000)
    const spent = sync.spend(second.hash)
    gate.resolve()
    await spent
    await until(() => sync.untold === 0, 'the round is over', 10_000)
    sync.close()
    expect(words).toEqual(['first false', 'second true'])
  })

  it('being spent are not told to the other in an answer, before the word that spends them', async () => {
    const { hash, state } = await mint(one)
    const gate = Promise.withResolvers<void>()
    const peer = {
      share: async (told: string, said: TokenState) => {
        await gate.promise
        return other.tokens.learn(told, said)
      },
    }
    const sync = new PeerSync({ tokens: one.tokens, peer, log: silent })
    const spent = sync.spend(hash)
    const answer = await one.tokens.learn(hash, state)
    if (answer.spent) await other.tokens.learn(hash, { ...state, spent: true })
    gate.resolve()
    await spent
    sync.close()
    expect(one.tokens.stateOf(hash)).toMatchObject({ spent: true })
    expect(other.tokens.stateOf(hash)).toMatchObject({ spent: true })
  })

  it('of two requests at one door serve one', async () => {
    const { hash } = await mint(one)
    const both = await Promise.allSettled([one.sync.spend(hash), one.sync.spend(hash)])
    expect(both.map(({ status }) => status)).toEqual(['fulfilled', 'rejected'])
  })

  it('that the other has spent meanwhile are known as spent after the next word', async () => {
    const { hash } = await mint(one)
    line = false
    await other.sync.spend(hash)
    line = true
    await expect(one.sync.spend(hash)).rejects.toMatchObject(refused)
  })

  it('need no other where there is none', async () => {
    const alone = new PeerSync({ tokens: one.tokens, peer: undefined, log: silent })
    const { hash } = await one.tokens.mint('order', 60_000)
    await alone.spend(hash)
    await expect(alone.spend(hash)).rejects.toMatchObject(refused)
    expect(alone.untold).toBe(0)
  })
})
