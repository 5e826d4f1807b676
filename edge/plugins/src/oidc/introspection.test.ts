import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { FakeRequest } from '../testing/exchange.ts'
import { access, instanceOf } from '../testing/run.ts'
import { testTools } from '../testing/tools.ts'
import { LoginHouse } from './login-house.fixture.ts'
import { openidConnect } from './openid-connect.ts'

let house: LoginHouse
beforeAll(async () => {
  house = await LoginHouse.open()
})
afterAll(() => house[Symbol.asyncDispose]())
beforeEach(() => void house.start())

describe('introspection', () => {
  const introspecting = (changes: Record<string, unknown> = {}) => ({
    ...{ auth_methods: ['introspection'], session_secret: null, redirect_uri: null },
    ...{ audience_required: ['orders'], credential_claim: ['client_id'], ...changes },
  })
  const bearer = (token: string) => ({ headers: ['Authorization', `Bearer ${token}`] })

  test('asks the issuer once for a token, and again when its time is over', async () => {
    const token = await house.provider.token('read')
    const instance = instanceOf(openidConnect, house.config(introspecting()), house.tools)
    const again = async () => {
      const asked = new FakeRequest(bearer(token))
      return [(await access(instance, asked))?.status, asked.credentialId]
    }
    const good = [undefined, `${house.provider.issuer}#shop`]
    expect(await Promise.all([again(), again(), again()])).toEqual([good, good, good])
    expect(await again()).toEqual(good)
    expect(house.provider.introspections).toBe(1)
    house.tools.nowMs += 60_000
    expect(await again()).toEqual(good)
    expect(house.provider.introspections).toBe(2)
  })

  test('holds scopes and audience; a token that nobody knows is remembered for a while', async () => {
    const token = await house.provider.token('read')
    const status = async (text: string, changes: Record<string, unknown> = {}) =>
      (await house.ask(bearer(text), introspecting(changes))).refusal?.status
    expect(await status(token, { scopes_required: ['read'] })).toBeUndefined()
    expect(await status(token, { scopes_required: ['write'] })).toBe(403)
    expect(await status(token, { audience_required: ['payments'] })).toBe(401)
    house.provider.introspections = 0
    const instance = instanceOf(openidConnect, house.config(introspecting()), house.tools)
    for (const _ of [1, 2])
      expect((await access(instance, new FakeRequest(bearer('unknown'))))?.status).toBe(401)
    expect(house.provider.introspections).toBe(1)
  })

  test('lets nobody pass where it cannot ask, or with the wrong secret', async () => {
    const token = await house.provider.token('read')
    const wrong = introspecting({ client_secret: ['wrong'] })
    expect((await house.ask(bearer(token), wrong)).refusal?.status).toBe(503)
    house.tools = testTools({ fetch: () => Promise.reject(new Error('away')) })
    expect((await house.ask(bearer(token), introspecting())).refusal?.status).toBe(503)
  })
})
