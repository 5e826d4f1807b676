import { X509Certificate } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createLog } from '@countersign/ground/telemetry'
import { temporaryFolder, until } from '@countersign/ground/testkit'
import { describe, expect, test } from 'vitest'
import { layoutOf } from '../home/layout.ts'
import { folderIdentity } from '../mesh/folder-identity.ts'
import { startTestAuthorities } from '../testing/test-authorities.ts'
import { openTestJoinDoor, TRUST_DOMAIN } from '../testing/test-pki.ts'
import { OwnSeat } from './own-seat.ts'

/* The desk's own workload against an authority over real TLS that is told what to say. */
const log = createLog({ service: 'desk', node: 'desk', level: 'silent' })

async function setUp(home: string, { lifeMs = 3_600_000 } = {}) {
  const reports: { instance: string; leaving?: boolean }[] = []
  const state = { revision: 'r0', revoked: [] as { serial: string; until: number }[] }
  let change = Promise.withResolvers<void>()
  const revoke = (serial: string): void => {
    state.revoked.push({ serial, until: Date.now() + 3_600_000 })
    state.revision = `r${state.revoked.length}`
    change.resolve()
    change = Promise.withResolvers()
  }
  const follow = async ({ body }: { body: any }) => {
    reports.push(body.report)
    if (body.revision === state.revision)
      await Promise.race([change.promise, new Promise((resolve) => setTimeout(resolve, 1_000))])
    return {
      ...state,
      ...{ sequence: 1, bundle: authorities.pki.root, issuers: [], unclaimed: [] },
      nextUpdate: Date.now() + 3_600_000,
    }
  }
  const authorities = await startTestAuthorities(home, [{ follow }])
  const good = new Set(['token-1'])
  const door = await openTestJoinDoor(authorities.pki, ({ token, csr }) => {
    if (!good.delete(token)) return undefined
    const { serial: _, ...issued } = authorities.pki.answer('desk', csr, lifeMs)
    return issued
  })
  const layout = layoutOf(home)
  writeFileSync(layout.bundle, authorities.pki.root)
  let tokens = 1
  const seat = await OwnSeat.take({
    name: 'desk',
    token: 'token-1',
    newToken: async () => {
      tokens += 1
      // The first one that is made is of no use: somebody else was faster.
      if (tokens > 2) good.add(`token-${tokens}`)
      return `token-${tokens}`
    },
    trustDomain: TRUST_DOMAIN,
    mesh: {
      COUNTERSIGN_JOIN: `127.0.0.1:${door.port}`,
      COUNTERSIGN_SEEDS: `authority=127.0.0.1:${authorities.ports[0]}`,
    },
    layout,
    log,
  })
  const folder = layout.identity('desk')
  const serial = (): string =>
    new X509Certificate(readFileSync(join(folder, 'cert.pem'))).serialNumber
      .toLowerCase()
      .replace(/^0+/, '')
  const close = async (): Promise<void> => {
    await seat.close()
    door.server.closeAllConnections()
    await new Promise((resolve) => door.server.close(resolve))
    await authorities[Symbol.asyncDispose]()
  }
  return { seat, folder, serial, revoke, reports, close, tokens: () => tokens }
}

describe('a workload of the supervisor itself', () => {
  test('reports like any other, is kept on disk, and says that it leaves', async () => {
    using home = temporaryFolder()
    const { seat, folder, serial, reports, close, revoke } = await setUp(home.path)
    expect(reports[0]).toMatchObject({ instance: 'desk-1', sequence: 1 })
    const identity = await folderIdentity(folder)
    expect(identity.id).toBe(`spiffe://${TRUST_DOMAIN}/platform/desk`)
    expect(seat.current.identity.current().chain).toBe(identity.current().chain)
    revoke('abc123')
    await until(() => readFileSync(join(folder, 'trust.json'), 'utf8').includes('abc123'), 'news')
    const { revocations } = await folderIdentity(folder)
    expect(revocations.refusalOf({ serial: 'abc123', lineage: undefined })).toBe('REVOKED')
    expect(revocations.refusalOf({ serial: serial(), lineage: serial() })).toBeUndefined()
    await close()
    expect(reports.at(-1)).toMatchObject({ instance: 'desk-1', leaving: true })
  })

  test('whose certificate was taken back joins anew, until it is in', async () => {
    using home = temporaryFolder()
    const { seat, serial, revoke, close, tokens } = await setUp(home.path)
    const before = serial()
    const lost = seat.current
    revoke(before)
    await until(() => seat.current !== lost && serial() !== before, 'it is back')
    expect(tokens()).toBe(3)
    expect(seat.current.revocations.refusalOf({ serial: before, lineage: undefined })).toBe(
      'REVOKED',
    )
    await close()
  })

  test('whose certificate has expired joins anew', async () => {
    using home = temporaryFolder()
    // This authority renews nothing, as if the machine had slept.
    const { seat, close, tokens } = await setUp(home.path, { lifeMs: 3_000 })
    const lost = seat.current
    await until(() => seat.current !== lost, 'it is back')
    expect(tokens()).toBeGreaterThanOrEqual(3)
    await close()
  })
})
