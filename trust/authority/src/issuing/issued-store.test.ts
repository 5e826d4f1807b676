import { copyFileSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { workloadId } from '@countersign/contract'
import type { NewAuditEvent } from '@countersign/contract/platform'
import { Metrics } from '@countersign/ground/telemetry'
import { temporaryFolder } from '@countersign/ground/testkit'
import { createCsr, generateKeyPair } from '@countersign/ground/x509'
import type { Workload } from '@countersign/service'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createEvents } from '../events.ts'
import { ISSUED_KEPT_MS, ISSUED_PRUNE_EVERY, UNCLAIMED_MS } from '../limits.ts'
import { openStore, type Store } from '../store/store.ts'
import {
  createPki,
  createRevocations,
  type Pki,
  silent,
  TRUST_DOMAIN,
} from '../testing/test-pki.ts'
import { type Authority, openAuthority } from './authority.ts'
import { createIssuedReader } from './issued-reader.ts'
import type { Intent } from './issued-record.ts'
import { watchIssued } from './issued-watch.ts'
import { createIssuedWriter } from './issued-writer.ts'

const ORDER = workloadId(TRUST_DOMAIN, 'order')
const HOUR = 3_600_000
let temporary: ReturnType<typeof temporaryFolder>
let stores: Store[]
let now = 0
beforeEach(() => {
  temporary = temporaryFolder()
  stores = []
  now = Date.now()
})
afterEach(async () => {
  for (const store of stores) await store.close()
  temporary[Symbol.dispose]()
})

function open(folder = temporary.path) {
  const store = openStore(folder)
  stores.push(store)
  const clock = () => now
  return {
    ...{ store, writer: createIssuedWriter(store, clock) },
    reader: createIssuedReader(store, clock),
  }
}
let count = 0
function intent(changes: Partial<Intent> = {}): Intent {
  const serial = (++count).toString(16)
  return {
    ...{ serial, lineage: serial, issuer: 'a'.repeat(40), name: ORDER, kind: 'join' },
    ...{ notBefore: now, notAfter: now + HOUR, askedAt: now, asker: '::1', keyHash: 'ab' },
    ...changes,
  }
}
const by = (instance: string, name = 'order') => ({
  ...{ instance, id: workloadId(TRUST_DOMAIN, name) },
})
const certificate = Buffer.from('30', 'hex')

describe('the record of certificates', () => {
  it('goes from intent to issued or failed, once, and takes no serial twice', async () => {
    const { writer, reader } = open()
    const one = intent()
    await writer.intend(one)
    await expect(writer.intend(one)).rejects.toThrow(/UNIQUE/)
    expect(reader.find(one.serial)).toEqual({
      ...one,
      ...{ state: 'intent', certificate: undefined, reason: undefined, claimedBy: undefined },
    })
    await writer.complete(one.serial, certificate)
    await expect(writer.complete(one.serial, certificate)).rejects.toThrow(/no open intent/)
    await writer.fail(one.serial, 'too late')
    expect(reader.find(one.serial)).toMatchObject({ state: 'issued', certificate })
    const two = intent({ asker: undefined })
    await writer.intend(two)
    await writer.fail(two.serial, 'x'.repeat(2_000))
    expect(reader.find(two.serial)).toMatchObject({ state: 'failed', asker: undefined })
    await expect(writer.complete('ffff', certificate)).rejects.toThrow(/no open intent/)
  })

  it('is found by what its readers ask for', async () => {
    const { writer, reader } = open()
    const old = intent({ notAfter: now - 1 })
    const renewed = intent({ kind: 'renew', lineage: old.serial, notAfter: now + 2 * HOUR })
    const server = intent({ kind: 'acme', name: 'a.example,b.example', issuer: 'b'.repeat(40) })
    for (const each of [old, renewed, server]) {
      await writer.intend(each)
      await writer.complete(each.serial, certificate)
    }
    await writer.intend(intent())
    const found = (filter: Parameters<typeof reader.list>[0]) =>
      reader.list(filter).map(({ serial }) => serial)
    expect(found({})).toEqual([renewed.serial, server.serial, old.serial])
    expect(found({ limit: 1 })).toEqual([renewed.serial])
    expect(found({ name: ORDER })).toEqual([renewed.serial, old.serial])
    expect(found({ name: ORDER, validAt: now })).toEqual([renewed.serial])
    expect(found({ lineage: old.serial })).toEqual([renewed.serial, old.serial])
    expect(found({ name: 'b.example' })).toEqual([server.serial])
    expect(found({ name: 'example' })).toEqual([])
    expect(found({ kind: 'acme', asker: '::1' })).toEqual([server.serial])
    expect(found({ issuer: 'b'.repeat(40) })).toEqual([server.serial])
    expect(found({ serial: old.serial, keyHash: 'ab' })).toEqual([old.serial])
    expect(found({ state: 'intent' })).toHaveLength(1)
    expect(found({ state: 'any' })).toHaveLength(4)
    expect(reader.find('ffff')).toBeUndefined()
  })

  it('is kept for a day after its end, and stays as small as that', async () => {
    const { writer, reader } = open()
    const gone = intent({ notAfter: now - ISSUED_KEPT_MS - 1 })
    const kept = intent({ notAfter: now - ISSUED_KEPT_MS + 1 })
    await Promise.all([gone, kept].map((each) => writer.intend(each)))
    const more = Array.from({ length: ISSUED_PRUNE_EVERY }, () => writer.intend(intent()))
    await Promise.all(more)
    expect(reader.find(gone.serial)).toBeUndefined()
    expect(reader.find(kept.serial)).toBeDefined()
  })

  it('finds what nobody claims without reading all that is claimed', async () => {
    const { store, writer, reader } = open()
    const nobodys = intent({ askedAt: now - UNCLAIMED_MS })
    await writer.intend(nobodys)
    await writer.complete(nobodys.serial, certificate)
    await store.write(() =>
      store.db.exec(`INSERT INTO issued (serial, lineage, issuer, name, kind, state, not_before,
          not_after, asked_at, key_hash, claimed_by)
        WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
        SELECT 'claimed ' || i, i, issuer, name, kind, state, not_before, not_after, asked_at,
          key_hash, 'order-1' FROM n, issued WHERE serial = '${nobodys.serial}'`),
    )
    // As often as workloads wait for a word: reading all would take half a minute.
    const startedAt = performance.now()
    for (let i = 0; i < 500; i++)
      expect(reader.unclaimed(ORDER, UNCLAIMED_MS)).toMatchObject([{ serial: nobodys.serial }])
    expect(performance.now() - startedAt).toBeLessThan(15_000)
  })

  it('says who claims a certificate, and who does not', async () => {
    const { writer, reader } = open()
    const [mine, others, server, open_] = [
      intent(),
      intent(),
      intent({ kind: 'public-door', name: 'localhost' }),
      intent(),
    ]
    for (const each of [mine, others, server]) {
      await writer.intend(each)
      await writer.complete(each.serial, certificate)
    }
    await writer.intend(open_)
    await writer.claim(mine.serial, by('payment-1', 'payment'))
    expect(reader.find(mine.serial)?.claimedBy).toBeUndefined()
    await writer.claim(mine.serial, by('order-1'))
    await writer.claim(mine.serial, by('order-2'))
    await writer.claim('ffff', by('order-1'))
    await writer.claim(open_.serial, by('order-1'))
    expect(reader.find(mine.serial)?.claimedBy).toBe('order-1')
    expect(reader.find(open_.serial)?.claimedBy).toBeUndefined()
    expect(reader.unclaimed(ORDER, UNCLAIMED_MS)).toEqual([])
    now += UNCLAIMED_MS
    expect(reader.unclaimed(ORDER, UNCLAIMED_MS).map(({ serial }) => serial)).toEqual([
      others.serial,
    ])
    now += HOUR
    expect(reader.unclaimed(ORDER, UNCLAIMED_MS)).toEqual([])
  })
})

describe('the watch over the record', () => {
  function watching() {
    const { store, writer } = open()
    const told: NewAuditEvent[] = []
    let away = false
    const recordDurably = async (event: NewAuditEvent) => {
      if (away) throw new Error('the spool is full')
      told.push(event)
    }
    const workload = { audit: { recordDurably }, metrics: new Metrics(), log: silent }
    const events = createEvents(workload as unknown as Workload)
    const watch = watchIssued({ store, issued: writer, events, log: silent, now: () => now })
    const setAway = (is: boolean): void => {
      away = is
    }
    return { writer, watch, told, setAway }
  }
  const seen = (told: readonly NewAuditEvent[]) =>
    told.map(({ action, countersign }) => [action, countersign?.details?.serial])

  it('tells once of what a crash cut off, and again if it could not be told', async () => {
    const { writer, watch, told, setAway } = watching()
    const one = intent()
    await writer.intend(one)
    await watch.look()
    expect(told).toEqual([])
    expect(await writer.abandonAll()).toBe(1)
    expect(await writer.abandonAll()).toBe(0)
    setAway(true)
    await expect(watch.look()).rejects.toThrow('the spool is full')
    setAway(false)
    await watch.look()
    await watch.look()
    expect(seen(told)).toEqual([['certificate.abandon', one.serial]])
    expect(told[0]).toMatchObject({ countersign: { details: { for: ORDER, kind: 'join' } } })
    await watch.close()
  })

  it('tells once of a certificate that nobody claims within a minute', async () => {
    const { writer, watch, told } = watching()
    const [claimed, not, own] = [intent(), intent(), intent({ kind: 'self' })]
    for (const each of [claimed, not, own]) {
      await writer.intend(each)
      await writer.complete(each.serial, certificate)
    }
    await writer.claim(claimed.serial, by('order-1'))
    now += UNCLAIMED_MS - 1
    await watch.look()
    expect(told).toEqual([])
    now += 1
    await watch.look()
    await watch.look()
    expect(seen(told)).toEqual([['certificate.unclaimed', not.serial]])
    await watch.close()
  })
})

describe('a store that was restored from a backup', () => {
  it('leads to no serial a second time: there is nothing in it that counts', async () => {
    const pki = await createPki(temporary.path, { instances: ['authority-1'] })
    const folder = join(temporary.path, 'authority-1')
    const id = { id: ORDER, privateKey: (await generateKeyPair()).privateKey }
    const csr = await createCsr(id)
    const serials: string[] = []
    const before = await openIn(folder, pki)
    serials.push(...(await issue(before.authority, csr, 200)))
    await before.store.close()
    const backup = join(temporary.path, 'backup.db')
    copyFileSync(join(folder, 'authority.db'), backup)
    const lost = await openIn(folder, pki)
    serials.push(...(await issue(lost.authority, csr, 200)))
    await lost.store.close()
    const restored = join(temporary.path, 'restored')
    mkdirSync(restored)
    copyFileSync(backup, join(restored, 'authority.db'))
    const after = await openIn(restored, pki)
    expect(after.authority.issued.list({})).toHaveLength(200)
    serials.push(...(await issue(after.authority, csr, 200)))
    await after.store.close()
    expect(new Set(serials).size).toBe(600)
    // 128 random bits, of which the first four are not all zero.
    expect(serials.every((serial) => /^[1-9a-f][0-9a-f]{31}$/.test(serial))).toBe(true)
  })

  async function openIn(folder: string, pki: Pki) {
    const store = openStore(folder)
    const authority = await openAuthority({
      ...{ folder: pki.folder, instance: 'authority-1', trustDomain: TRUST_DOMAIN, store },
      ...{ signers: pki.signersOf('authority-1'), trust: pki, revocations: createRevocations() },
      ...{ leafLifetimeSeconds: 3_600, log: silent },
    })
    return { store, authority }
  }
  function issue(authority: Authority, csr: string, times: number): Promise<string[]> {
    const one = async () => {
      const request = { profile: 'workload', kind: 'join', name: 'order', csr } as const
      const prepared = await authority.prepare(request)
      await prepared.commit()
      return prepared.serial
    }
    return Promise.all(Array.from({ length: times }, one))
  }
})
