import { createSecretKey, randomBytes } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryFolder } from '@countersign/ground/testkit'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openStore, type Store } from '../../store/store.ts'
import { silent } from '../../testing/status-house.ts'
import { startAcme } from '../testing/acme-host.ts'
import { AcmeSession } from '../testing/acme-session.ts'
import { BindingKeys } from './binding-keys.ts'

let folder: ReturnType<typeof temporaryFolder>
beforeEach(() => {
  folder = temporaryFolder()
})
afterEach(() => folder[Symbol.dispose]())

describe('an operator who lets everybody in', () => {
  it('still checks a binding that is there, has terms agreed to, and bounds an address', async () => {
    const terms = 'https://acme.test/terms'
    const host = await startAcme({
      folder: folder.path,
      env: { AUTHORITY_ACME_BINDING: 'optional', AUTHORITY_ACME_TERMS: terms },
      rates: { accountsPerAddress: { burst: 1, perSecond: 0.001 } },
    })
    try {
      const session = new AcmeSession(host)
      const action = await session.post('new-account', {})
      expect(action).toMatchObject({
        status: 403,
        body: { type: expect.stringMatching(/userActionRequired$/) },
      })
      expect(action.headers.link).toContain(`<${terms}>;rel="terms-of-service"`)
      const agreed = { termsOfServiceAgreed: true }
      const wrong = { ...agreed, externalAccountBinding: session.binding('x', 'AAAA') }
      expect((await session.post('new-account', wrong)).status).toBe(403)
      expect((await session.post('new-account', agreed)).status).toBe(201)
      const next = await new AcmeSession(host).post('new-account', agreed)
      expect(next).toMatchObject({
        status: 429,
        body: { type: expect.stringMatching(/rateLimited$/) },
      })
      expect(Number(next.headers['retry-after'])).toBeGreaterThan(100)
    } finally {
      await host.close()
    }
  })
})

describe('keys for binding', () => {
  const masterKey = createSecretKey(randomBytes(32))
  const opened: Store[] = []
  afterEach(async () => {
    for (const store of opened.splice(0)) await store.close()
  })
  const open = (name: string, own = masterKey, now: () => number = Date.now): BindingKeys => {
    const at = join(folder.path, name)
    mkdirSync(at)
    const store = openStore(at)
    opened.push(store)
    return new BindingKeys({ store, masterKey: own, now, log: silent })
  }
  const wanted = { label: 'nginx', names: ['acme.test'], lifetimeMs: 60_000 }
  const copy = (value: unknown): unknown => JSON.parse(JSON.stringify(value))

  it('are known to the other authority, sealed, and good there too', async () => {
    const [a, b] = [open('a'), open('b')]
    let told = 0
    b.topic.onChange(() => told++)
    const { id, secret } = await a.create(wanted)
    const said = copy(a.topic.say())
    expect(JSON.stringify(said)).not.toContain(secret.toString('base64url'))
    await b.topic.hear(said, 'a')
    await b.topic.hear(said, 'a')
    expect(told).toBe(1)
    expect(b.secretOf(id)).toEqual(secret)
    expect(b.bind(id, 'account')).toMatchObject({ names: ['acme.test'], label: 'nginx' })
    expect(b.secretOf(id)).toBeUndefined()
    // Each authority has accounts of its own.
    expect(a.secretOf(id)).toEqual(secret)
  })

  it('do not open under another master key, for another id, or when their time is over', async () => {
    let now = 1_000
    const a = open('a', masterKey, () => now)
    const stranger = open('b', createSecretKey(randomBytes(32)))
    const [first, second] = [await a.create(wanted), await a.create(wanted)]
    await stranger.topic.hear(copy(a.topic.say()), 'a')
    expect(stranger.secretOf(first.id)).toBeUndefined()
    const swapped = open('c', masterKey, () => now)
    const [one, two] = copy(a.topic.say()) as [{ sealed: string }, { sealed: string }]
    await swapped.topic.hear([{ ...one, sealed: two.sealed }], 'a')
    expect([first, second].map(({ id }) => swapped.secretOf(id))).toEqual([undefined, undefined])
    now += 60_001
    expect(a.secretOf(first.id)).toBeUndefined()
    expect(() => a.bind(first.id, 'account')).toThrow('does not hold')
    expect(a.topic.say()).toEqual([])
  })

  it('are not taken from a peer in another form', async () => {
    const a = open('a')
    for (const said of [undefined, {}, [{ id: 'x' }], Array(1_001).fill({})])
      await expect(a.topic.hear(said, 'b')).rejects.toThrow()
    expect(a.topic.say()).toEqual([])
  })
})
