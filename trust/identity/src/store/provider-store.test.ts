import { createSecretKey, randomBytes } from 'node:crypto'
import { deriveKey, Keyring } from '@countersign/ground/seal'
import { createLog } from '@countersign/ground/telemetry'
import type { Adapter } from 'oidc-provider'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startTestDatabases } from '../testing/database.ts'
import { type Database, openDatabase } from './database.ts'
import { createProviderStore, hashOf } from './provider-store.ts'
import { sweep } from './sweep.ts'

const lines: string[] = []
const destination = { write: (line: string) => void lines.push(line) }
const log = createLog({ service: 'identity', node: 'identity-1', destination })
const newKeyring = () => new Keyring(deriveKey(createSecretKey(randomBytes(32)), 'test'))
const newId = () => randomBytes(24).toString('base64url')

let databases: Awaited<ReturnType<typeof startTestDatabases>>
let database: Database
let store: (model: string) => Adapter
beforeAll(async () => {
  databases = await startTestDatabases()
  database = await openDatabase({ url: await databases.url(), log })
  store = createProviderStore({ pool: database.pool, keyring: newKeyring(), log })
})
afterAll(async () => {
  await database?.close()
  await databases?.stop()
})
const expire = (model: string, id: string) =>
  database.pool.query(
    `UPDATE provider_entry SET expires_at = now() - interval '1 second' WHERE model = $1 AND id = $2`,
    [model, hashOf(model, id)],
  )

describe('the memory of the provider', () => {
  test('gives back what it took, under the id only', async () => {
    const id = newId()
    await store('Session').upsert(id, { jti: id, uid: 'u-1', accountId: 'alice' }, 60)
    expect(await store('Session').find(id)).toMatchObject({ accountId: 'alice', jti: id })
    expect(await store('Session').findByUid('u-1')).toMatchObject({ accountId: 'alice' })
    expect(await store('Grant').find(id)).toBeUndefined()
    await store('Session').upsert(id, { jti: id, uid: 'u-1', accountId: 'bob' }, 60)
    expect(await store('Session').find(id)).toMatchObject({ accountId: 'bob' })
    await store('Session').destroy(id)
    expect(await store('Session').find(id)).toBeUndefined()
  })
  test('finds a device by its user code', async () => {
    await store('DeviceCode').upsert(newId(), { userCode: 'ABCD', accountId: 'alice' }, 60)
    expect(await store('DeviceCode').findByUserCode('ABCD')).toMatchObject({ accountId: 'alice' })
    expect(await store('DeviceCode').findByUserCode('ABCE')).toBeUndefined()
  })
  test('of 50 who consume a code at once, one succeeds, and the family ends', async () => {
    const code = newId()
    const grant = newId()
    await store('Grant').upsert(grant, { jti: grant }, 60)
    await store('AuthorizationCode').upsert(code, { jti: code, grantId: grant }, 60)
    const outcomes = await Promise.allSettled(
      Array.from({ length: 50 }, () => store('AuthorizationCode').consume(code)),
    )
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') expect(outcome.reason.error).toBe('invalid_grant')
    }
    expect(await store('Grant').find(grant)).toBeUndefined()
    expect(await store('AuthorizationCode').find(code)).toBeUndefined()
  })
  test('a consumed token is found as consumed, so that a second use can be told', async () => {
    const token = newId()
    await store('RefreshToken').upsert(token, { jti: token, grantId: newId() }, 60)
    await store('RefreshToken').consume(token)
    expect((await store('RefreshToken').find(token))?.consumed).toEqual(expect.any(Number))
  })
  test('revoking a grant ends its tokens and nobody else’s', async () => {
    const [mine, other] = [newId(), newId()]
    const [a, b, c] = [newId(), newId(), newId()]
    await store('RefreshToken').upsert(a, { jti: a, grantId: mine }, 60)
    await store('RefreshToken').upsert(b, { jti: b, grantId: mine }, 60)
    await store('RefreshToken').upsert(c, { jti: c, grantId: other }, 60)
    await store('RefreshToken').revokeByGrantId(mine)
    expect(await store('RefreshToken').find(a)).toBeUndefined()
    expect(await store('RefreshToken').find(b)).toBeUndefined()
    expect(await store('RefreshToken').find(c)).toBeDefined()
  })
  test('what has expired is not found, and swept away', async () => {
    const ids = Array.from({ length: 2_500 }, newId)
    // Few at a time: who waits too long for a connection of the pool is refused.
    for (let i = 0; i < ids.length; i += 50)
      await Promise.all(
        ids.slice(i, i + 50).map((id) => store('Interaction').upsert(id, { jti: id }, 60)),
      )
    await database.pool.query(
      `UPDATE provider_entry SET expires_at = now() - interval '1 second' WHERE model = 'Interaction'`,
    )
    expect(await store('Interaction').find(ids[0] ?? '')).toBeUndefined()
    const kept = newId()
    await store('Interaction').upsert(kept, { jti: kept }, 60)
    expect(await sweep(database.pool)).toBe(2_500)
    expect(await store('Interaction').find(kept)).toBeDefined()
  })
  test('keeps neither ids nor payloads in plain text', async () => {
    const token = newId()
    const payload = { jti: token, grantId: 'grant-in-plain', accountId: 'account-in-plain' }
    await store('RefreshToken').upsert(token, payload, 60)
    const { rows } = await database.pool.query('SELECT e::text AS row FROM provider_entry e')
    const all = rows.map(({ row }) => row).join('\n')
    for (const plain of [token, 'grant-in-plain', 'account-in-plain']) {
      expect(all).not.toContain(plain)
      expect(all).not.toContain(Buffer.from(plain).toString('hex'))
    }
  })
  test('an entry that was moved, or sealed under another key, is as good as absent', async () => {
    const [from, to] = [newId(), newId()]
    await store('Session').upsert(from, { jti: from, accountId: 'mallory' }, 60)
    await store('Session').upsert(to, { jti: to, accountId: 'alice' }, 60)
    await database.pool.query(
      `UPDATE provider_entry SET payload = (SELECT payload FROM provider_entry WHERE id = $1) WHERE id = $2`,
      [hashOf('Session', from), hashOf('Session', to)],
    )
    expect(await store('Session').find(to)).toBeUndefined()
    const stranger = createProviderStore({ pool: database.pool, keyring: newKeyring(), log })
    expect(await stranger('Session').find(from)).toBeUndefined()
    expect(lines.join('')).toContain('cannot be opened')
    await expire('Session', from)
    expect(await store('Session').find(from)).toBeUndefined()
  })
})
