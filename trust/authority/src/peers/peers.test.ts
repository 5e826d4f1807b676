import { until } from '@countersign/ground/testkit'
import { afterEach, describe, expect, it } from 'vitest'
import { Listeners } from '../listeners.ts'
import { silent } from '../testing/test-pki.ts'
import { PEER_UP_MS } from '../trust/limits.ts'
import type { PeerLink, SyncBody } from './line.ts'
import { Peers } from './peers.ts'
import type { SyncTopic } from './topic.ts'

/** A number that only grows; the greatest that anybody has said is what all know. */
class Counter implements SyncTopic {
  readonly name: string
  value = 0
  heard = 0
  readonly #listeners = new Listeners(() => undefined)
  readonly onChange = this.#listeners.add

  constructor(name = 'count') {
    this.name = name
  }
  say(): unknown {
    return this.value
  }
  async hear(said: unknown): Promise<void> {
    if (typeof said !== 'number') throw new Error('not a number')
    this.heard += 1
    if (said > this.value) this.set(said)
  }
  set(value: number): void {
    this.value = value
    this.#listeners.tell()
  }
}

const all: Peers[] = []
afterEach(() => {
  for (const peers of all.splice(0)) peers.close()
})

/** Authorities that hear each other at once, unless a line is cut. */
function town(count: number, topics: () => SyncTopic[] = () => [new Counter()]) {
  const cut = new Set<string>()
  const times = { now: 1_000_000 }
  const calls = { count: 0 }
  const made = new Map<string, { peers: Peers; topics: SyncTopic[] }>()
  const names = Array.from({ length: count }, (_, i) => `authority-${i + 1}`)
  const link = (from: string, to: string): PeerLink => ({
    address: to,
    sync: async (body: SyncBody) => {
      calls.count += 1
      await new Promise((resolve) => setTimeout(resolve, 1))
      if (cut.has(`${from} ${to}`)) throw new Error('cut')
      const other = made.get(to)
      if (other === undefined) throw new Error('not there')
      return structuredClone(await other.peers.hear(structuredClone(body)))
    },
    rotate: async () => ({ taken: false, done: true, blockers: [] }),
  })
  for (const instance of names) {
    const own = topics()
    const peers = new Peers({
      ...{ instance, topics: own, log: silent, now: () => times.now, elapsed: () => times.now },
      // One list for all: it names everybody, oneself too.
      peers: names.map((to) => link(instance, to)),
    })
    all.push(peers)
    made.set(instance, { peers, topics: own })
  }
  const of = (n: number) => {
    const found = made.get(`authority-${n}`)
    const [topic] = found?.topics ?? []
    if (found === undefined || !(topic instanceof Counter)) throw new Error('there is none')
    return { peers: found.peers, count: topic }
  }
  return {
    of,
    cut,
    times,
    calls,
    start: () => Promise.all([...made.values()].map(({ peers }) => peers.start())),
  }
}

describe('peers', () => {
  it('tell each other of a change at once', async () => {
    const { of, start } = town(3)
    await start()
    of(1).count.set(7)
    await until(() => of(2).count.value === 7 && of(3).count.value === 7, 'all know')
    expect(
      of(1)
        .peers.views()
        .map(({ instance, up }) => `${instance} ${up}`),
    ).toEqual(['authority-2 true', 'authority-3 true'])
  })

  it('know what all others know after the first round, and after any', async () => {
    const { of, start } = town(3)
    of(2).count.set(5)
    of(3).count.set(3)
    await start()
    await of(1).peers.round()
    expect(of(1).count.value).toBe(5)
    of(3).count.value = 9
    expect(await of(1).peers.round()).toEqual(['authority-2', 'authority-3'])
    expect(of(1).count.value).toBe(9)
  })

  it('reach each other by way of a third, and directly when the line is back', async () => {
    const { of, cut, start } = town(3)
    for (const line of ['authority-1 authority-2', 'authority-2 authority-1']) cut.add(line)
    await start()
    of(1).count.set(4)
    await until(() => of(2).count.value === 4, 'by way of the third')
    expect(await of(1).peers.round()).toEqual(['authority-3'])
    cut.clear()
    expect(await of(1).peers.round()).toEqual(['authority-2', 'authority-3'])
  })

  it('are away when nothing was heard of them, and there is no way to them', async () => {
    const { of, cut, times, start } = town(2)
    await start()
    expect(of(1).peers.up()).toMatchObject([{ instance: 'authority-2' }])
    for (const line of ['authority-1 authority-2', 'authority-2 authority-1']) cut.add(line)
    await of(1).peers.round()
    expect(of(1).peers.up()).toEqual([{ instance: 'authority-2', link: undefined }])
    const seenAt = times.now
    times.now += PEER_UP_MS
    expect(of(1).peers.up()).toEqual([])
    expect(of(1).peers.views()).toEqual([
      { instance: 'authority-2', up: false, since: seenAt, seenAt },
    ])
    cut.clear()
    await of(1).peers.round()
    expect(of(1).peers.views()).toMatchObject([{ up: true, since: times.now }])
  })

  it('ask no more often than there is to say', async () => {
    const { of, calls, start } = town(2)
    await start()
    calls.count = 0
    for (let i = 1; i <= 200; i++) of(1).count.set(i)
    const rounds = Array.from({ length: 50 }, () => of(1).peers.round())
    await Promise.all(rounds)
    await until(() => of(2).count.value === 200, 'told')
    // Two lines from each, oneself included; two exchanges each, and the echo.
    expect(calls.count).toBeLessThan(16)
  })

  it('refuse a topic that makes no sense alone, and topics that nobody knows', async () => {
    const malformed: string[] = []
    const [good, bad] = [new Counter('good'), new Counter('bad')]
    const peers = new Peers({
      ...{ instance: 'authority-1', peers: [], topics: [bad, good], log: silent },
      onMalformed: (from, topic) => void malformed.push(`${from} ${topic}`),
    })
    const topics = { bad: { evil: true }, good: 3, other: 1, __proto__: 5 }
    const reply = await peers.hear({ instance: 'authority-2', topics })
    expect(reply).toEqual({ instance: 'authority-1', topics: { bad: 0, good: 3 } })
    expect(malformed).toEqual(['authority-2 bad'])
    for (const instance of ['', 'a b', '../x', 'authority-1'])
      await peers.hear({ instance, topics: { good: 9 } })
    expect(good.value).toBe(3)
    expect(peers.views()).toHaveLength(1)
  })

  it('start without those who do not answer', async () => {
    const { of } = town(1)
    await of(1).peers.start()
    expect(of(1).peers.views()).toEqual([])
  })
})
