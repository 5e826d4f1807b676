import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type Changes, LoginHouse } from './login-house.fixture.ts'

let house: LoginHouse
let cookie: string
beforeAll(async () => {
  house = await LoginHouse.open()
  house.directory.add('annie')
})
afterAll(() => house[Symbol.asyncDispose]())
beforeEach(async () => {
  house.start()
  cookie = (await house.loggedIn()).cookie
  house.provider.asked.length = 0
})
const ask = (changes: Changes, headers: readonly string[] = []) =>
  house.ask({ headers: ['Cookie', cookie, ...headers] }, changes)
const decoded = (text = ''): unknown => JSON.parse(Buffer.from(text, 'base64').toString())

describe('what the issuer says of a person', () => {
  const SEARCH = { search_user_info: true, consumer_claim: ['nickname'] }

  test('finds the consumer, where it is asked for it', async () => {
    expect((await ask({ consumer_claim: ['nickname'] })).refusal?.status).toBe(403)
    expect((await ask(SEARCH)).asked.consumer?.username).toBe('annie')
    expect((await ask({ search_user_info: true, roles_required: ['root'] })).refusal?.status).toBe(
      403,
    )
  })

  test('goes to the service; what a client says of itself does not', async () => {
    const header = { upstream_user_info_header: 'X-UserInfo' }
    const { asked } = await ask(header, ['x-userinfo', 'forged', 'X-Other', 'kept'])
    const { flat } = asked.upstream.headers
    const values = flat.filter((_, i) => flat[i - 1]?.toLowerCase() === 'x-userinfo')
    expect(values.map(decoded)).toEqual([
      { sub: 'anna', name: 'Anna', roles: ['admin'], nickname: 'annie' },
    ])
    expect(asked.upstream.headers.get('x-other')).toBe('kept')
    const forged = { path: '/orders', headers: ['X-UserInfo', 'forged'] }
    const nobody = await house.ask(forged, { ...header, anonymous: 'annie' })
    expect(nobody.asked.anonymous).toBe(true)
    expect(nobody.asked.upstream.headers.get('x-userinfo')).toBeUndefined()
  })

  test('is asked for once by all, and again after cache_ttl', async () => {
    const changes = { upstream_user_info_header: 'X-UserInfo', cache_ttl: 60 }
    const instance = house.instance(changes)
    const again = () => house.ask({ headers: ['Cookie', cookie] }, changes, instance)
    await Promise.all([again(), again(), again()])
    await again()
    expect(house.provider.asked).toEqual(['/me'])
    house.tools.nowMs += 60_000
    await again()
    expect(house.provider.asked).toEqual(['/me', '/me'])
  })

  test('counts for the same person only: 401; where it cannot be had: 503', async () => {
    house.between = async (request) => {
      const answer = await house.provider.fetch(request)
      if (!request.url.endsWith('/me')) return answer
      return { ...answer, body: Buffer.from('{"sub":"bob","nickname":"annie"}') }
    }
    expect((await ask(SEARCH)).refusal?.status).toBe(401)
    house.between = (request) =>
      request.url.endsWith('/me')
        ? Promise.reject(new Error('away'))
        : house.provider.fetch(request)
    expect((await ask(SEARCH)).refusal?.status).toBe(503)
  })

  test('is nothing for a token that is of nobody', async () => {
    const token = await house.provider.token('read')
    const changes = { auth_methods: ['introspection'], session_secret: null, redirect_uri: null }
    const headers = ['Authorization', `Bearer ${token}`]
    const credential = { audience_required: ['orders'], credential_claim: ['client_id'] }
    expect((await house.ask({ headers }, { ...changes, ...credential })).refusal).toBeUndefined()
    const wanted = { ...changes, ...credential, search_user_info: true }
    expect((await house.ask({ headers }, wanted)).refusal?.status).toBe(401)
  })
})

describe('claims', () => {
  test('and the ID token go to the service under the names that the operator gives', async () => {
    const { asked } = await ask({
      upstream_headers_claims: ['name', 'roles', 'none'],
      upstream_headers_names: ['X-Name', 'X-Roles', 'X-None'],
      upstream_id_token_header: 'X-Id-Token',
    })
    const { headers } = asked.upstream
    expect(headers.get('x-name')).toBe('Anna')
    expect(decoded(headers.get('x-roles'))).toEqual(['admin'])
    expect(headers.get('x-none')).toBeUndefined()
    expect(headers.get('x-id-token')?.split('.').length).toBe(3)
  })
})
