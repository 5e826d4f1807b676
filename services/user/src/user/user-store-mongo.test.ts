import { describe, expect, test } from 'vitest'
import { testMongoUrl } from '../config/test-settings.ts'
import { userStoreTrial } from './user-store.trial.ts'
import { openMongoUserStore } from './user-store-mongo.ts'

const url = testMongoUrl()

// `tools/mongodb/run.sh` runs them with a server that speaks the protocol of MongoDB.
describe.skipIf(url === undefined)('people in MongoDB', () => {
  userStoreTrial(() => openMongoUserStore({ url: url ?? '' }))

  test('says which server it is', async () => {
    const store = await openMongoUserStore({ url: url ?? '' })
    expect(store.proof).toMatchObject({ hop: 'database', transport: 'loopback' })
    expect(store.proof.engine).toMatch(/^MongoDB \d+\.\d+/)
    await store.close()
  })
})

describe('MongoDB on another machine', () => {
  test.each([
    'mongodb://db.example/users',
    'mongodb://127.0.0.1,db.example/users',
    'mongodb://db.example/users?tls=false',
    'mongodb://db.example/users?tls=true&tlsInsecure=true',
    'mongodb://db.example/users?tls=true&tlsAllowInvalidCertificates=true',
    'mongodb://db.example/users?tls=true&tlsAllowInvalidHostnames=true',
  ])('%s is refused before anything is sent', (address) =>
    expect(openMongoUserStore({ url: address })).rejects.toMatchObject({ code: 'MONGODB_TLS' }),
  )

  test('with verified TLS it is tried', async () => {
    const address = 'mongodb://db.invalid/users?tls=true&serverSelectionTimeoutMS=50'
    await expect(openMongoUserStore({ url: address })).rejects.toThrow(/db\.invalid|ENOTFOUND|EAI/)
  })
})
