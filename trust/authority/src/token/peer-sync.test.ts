import { temporaryFolder, until } from '@countersign/ground/testkit'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { TokenState } from '../domain/token-book.ts'
import { openStore, type Store } from '../store/store.ts'
import { silent } from '../testing/test-pki.ts'
import { JoinTokens } from './join-tokens.ts'
import { PeerSync } from './peer-sync.ts'

/** One authority's tokens, and lines to the others that can be cut. */
interface Side {
  readonly tokens: JoinTokens
  readonly sync: PeerSync
}
let folders: ReturnType<typeof temporaryFolder>[]
let stores: Store[]
let extra: PeerSync[]
/** Lines that are cut, as `0-1`. */
let cut: Set<string>
let sides: Side[]

async function openTokens(): Promise<JoinTokens> {
  const folder = temporaryFolder()
  folders.push(folder)
  const store = openStore(folder.path)
  stores.push(store)
  return JoinTokens.open({ store, folder: folder.path, now: Date.now, log: silent })
}
const nameOf = (a: number, b: number) => `${Math.min(a, b)}-${Math.max(a, b)}`
function cutAll(): void {
  for (const [a] of sides.entries()) for (const [b] of sides.entries()) cut.add(nameOf(a, b))
}

/** Authorities that all know each other. */
async function open(count: number): Promise<void> {
  const tokens = await Promise.all(Array.from({ length: count }, openTokens))
  const lineFrom = (from: number, to: number) => ({
    share: async (hash: string, state: TokenState) => {
      if (cut.has(nameOf(from, to))) throw new Error('the line is cut')
      // As slow as a network: words cross each other.
      await new Promise((resolve) => setImmediate(resolve))
      return at(to).sync.hear(hash, state)
    },
  })
  sides = tokens.map((own, from) => {
    const others = tokens.flatMap((_, to) => (to === from ? [] : [lineFrom(from, to)]))
    return { tokens: own, sync: new PeerSync({ tokens: own, peers: others, log: silent }) }
  })
}
function at(i: number): Side {
  const side = sides[i]
  if (side === undefined) throw new Error('there are not so many')
  return side
}
beforeEach(() => {
  folders = []
  stores = []
  extra = []
  sides = []
  cut = new Set()
})
afterEach(async () => {
  for (const { sync } of sides) sync.close()
  for (const sync of extra) sync.close()
  for (const store of stores) await store.close()
  for (const folder of folders) folder[Symbol.dispose]()
})

async function mint({ tokens, sync }: Side) {
  const minted = await tokens.mint('order', 60_000)
  await sync.tell(minted.hash, minted.state)
  return minted
}
const refused = { code: 'TOKEN_REFUSED' }
const granted = (all: PromiseSettledResult<void>[]) =>
  all.filter(({ status }) => status === 'fulfilled').length

describe.each([2, 3])('tokens of %i authorities', (count) => {
  beforeEach(() => open(count))
  const last = () => at(count - 1)

  it('minted at one are usable at another, once in all', async () => {
    const { token, hash } = await mint(at(0))
    for (const { tokens } of sides) expect(tokens.find(token).hash).toBe(hash)
    await last().sync.spend(hash)
    for (const { sync } of sides) await expect(sync.spend(hash)).rejects.toMatchObject(refused)
  })

  it('asked at all in the same moment are used at one at most', async () => {
    for (let i = 0; i < 20; i++) {
      const { hash } = await mint(at(i % count))
      const all = await Promise.allSettled(sides.map(({ sync }) => sync.spend(hash)))
      expect(granted(all)).toBeLessThanOrEqual(1)
    }
  })

  it('can be used while the others are away, which hear of it when they are back', async () => {
    const { hash } = await mint(at(0))
    cutAll()
    await at(0).sync.spend(hash)
    const later = await mint(at(0))
    expect(at(0).sync.untold).toBe(2 * (count - 1))
    cut.clear()
    await until(() => at(0).sync.untold === 0, 'the others are told')
    expect(last().tokens.stateOf(hash)).toMatchObject({ spent: true })
    expect(last().tokens.stateOf(later.hash)).toMatchObject({ spent: false, name: 'order' })
  })

  it('of two requests at one door serve one', async () => {
    const { hash } = await mint(at(0))
    const both = await Promise.allSettled([at(0).sync.spend(hash), at(0).sync.spend(hash)])
    expect(both.map(({ status }) => status)).toEqual(['fulfilled', 'rejected'])
  })

  it('that another has spent meanwhile are known as spent after the next word', async () => {
    const { hash } = await mint(at(0))
    cutAll()
    await last().sync.spend(hash)
    cut.clear()
    await expect(at(0).sync.spend(hash)).rejects.toMatchObject(refused)
  })
})

describe('tokens of three authorities', () => {
  beforeEach(() => open(3))

  it('are used once where two cannot reach each other, and both reach the third', async () => {
    cut.add('0-1')
    for (let i = 0; i < 20; i++) {
      const { hash } = await mint(at(2))
      const both = await Promise.allSettled([at(0).sync.spend(hash), at(1).sync.spend(hash)])
      expect(granted(both)).toBe(1)
      const again = await Promise.allSettled(sides.map(({ sync }) => sync.spend(hash)))
      expect(granted(again)).toBe(0)
    }
  })

  it('are spent for all when one that used them is gone for good', async () => {
    const { hash } = await mint(at(0))
    cut.add('0-2')
    await at(0).sync.spend(hash)
    cutAll()
    cut.delete('1-2')
    await expect(at(2).sync.spend(hash)).rejects.toMatchObject(refused)
  })

  it('being spent are not passed on by a third before their spender has told of it', async () => {
    const { hash, state } = await mint(at(0))
    // The third has yet to hear of the token from the second, which hears meanwhile that it is spent.
    const heard: boolean[] = []
    const toThird = {
      share: async (told: string, said: TokenState) => {
        if (told === hash) heard.push(said.spent)
        return at(2).sync.hear(told, said)
      },
    }
    const second = new PeerSync({ tokens: at(1).tokens, peers: [toThird], log: silent })
    extra.push(second)
    expect(second.untold).toBe(1)
    await second.hear(hash, { ...state, spent: true })
    expect(second.untold).toBe(0)
    await at(0)
      .sync.spend(hash)
      .catch(() => undefined)
    expect(heard).toEqual([])
  })
})

describe('tokens of two authorities', () => {
  beforeEach(() => open(2))

  it('spent while the other is told of everything are not said to be spent twice', async () => {
    const [first, second] = [await mint(at(0)), await mint(at(0))]
    const gate = Promise.withResolvers<void>()
    const words: string[] = []
    const peer = {
      share: async (hash: string, state: TokenState) => {
        words.push(`${hash === first.hash ? 'first' : 'second'} ${state.spent}`)
        if (hash === first.hash) await gate.promise
        return at(1).sync.hear(hash, state)
      },
    }
    const sync = new PeerSync({ tokens: at(0).tokens, peers: [peer], log: silent })
    extra.push(sync)
    await until(() => words.length === 1, 'the round has begun')
    const spent = sync.spend(second.hash)
    gate.resolve()
    await spent
    await until(() => sync.untold === 0, 'the round is over')
    expect(words).toEqual(['first false', 'second true'])
  })

  it('being spent are not told to the other in an answer, before the word that spends them', async () => {
    const { hash, state } = await mint(at(0))
    const gate = Promise.withResolvers<void>()
    const peer = {
      share: async (told: string, said: TokenState) => {
        await gate.promise
        return at(1).sync.hear(told, said)
      },
    }
    const sync = new PeerSync({ tokens: at(0).tokens, peers: [peer], log: silent })
    extra.push(sync)
    const spent = sync.spend(hash)
    const answer = await sync.hear(hash, state)
    if (answer.spent) await at(1).tokens.learn(hash, { ...state, spent: true })
    gate.resolve()
    await spent
    expect(at(0).tokens.stateOf(hash)).toMatchObject({ spent: true })
    expect(at(1).tokens.stateOf(hash)).toMatchObject({ spent: true })
  })

  it('need no other where there is none', async () => {
    const alone = new PeerSync({ tokens: at(0).tokens, peers: [], log: silent })
    const { hash } = await at(0).tokens.mint('order', 60_000)
    await alone.spend(hash)
    await expect(alone.spend(hash)).rejects.toMatchObject(refused)
    expect(alone.untold).toBe(0)
  })
})
