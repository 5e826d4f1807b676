import { describe, expect, test } from 'vitest'
import { ask } from './testing/open-control.ts'
import { useAdminApi } from './testing/use-admin-api.ts'

const admin = useAdminApi()

describe('the door', () => {
  const as = (headers: Record<string, string>) =>
    ask({ port: admin.control.port, key: '' }, 'GET /status', { headers })
  test('wants a key, presented in one of three ways and in one only', async () => {
    const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`
    const { key } = admin.control
    const none = await ask({ port: admin.control.port, key: 'x' }, 'GET /services', {})
    expect(none).toMatchObject({
      status: 401,
      body: { message: 'Unauthorized' },
      headers: { 'www-authenticate': 'Basic realm="countersign"' },
    })
    expect((await as({ 'kong-admin-token': key })).status).toBe(200)
    const raw = (headers: Record<string, string>) =>
      ask({ port: admin.control.port, key: 'unused' }, 'GET /status', {
        headers: { 'kong-admin-token': '', ...headers },
      })
    for (const authorization of [basic(`anybody:${key}`), `Bearer ${key}`]) {
      const { status } = await askWithout(admin.control.port, { authorization })
      expect(status).toBe(200)
    }
    expect((await askWithout(admin.control.port, { authorization: basic(key) })).status).toBe(401)
    expect((await raw({ authorization: `Bearer ${key}` })).status).toBe(401)
    expect((await askWithout(admin.control.port, {})).status).toBe(401)
  })
  test('knows its own names, and turns away pages of others', async () => {
    expect(await as({ 'kong-admin-token': admin.control.key, host: 'evil.example' })).toMatchObject(
      {
        status: 421,
      },
    )
    expect((await as({ 'kong-admin-token': admin.control.key, host: 'kong:8001' })).status).toBe(
      200,
    )
    expect(
      (
        await as({
          'kong-admin-token': admin.control.key,
          host: 'localhost',
          origin: 'https://evil.example',
        })
      ).status,
    ).toBe(403)
    expect(
      (await as({ 'kong-admin-token': admin.control.key, 'sec-fetch-site': 'cross-site' })).status,
    ).toBe(403)
    const { headers } = await as({ 'kong-admin-token': admin.control.key })
    expect(Object.keys(headers).filter((name) => name.startsWith('access-control'))).toEqual([])
  })
  test('ends keys that were taken back, and bounds wrong ones', async () => {
    const { key } = await admin.control.call('mintAdminKey')
    expect((await as({ 'kong-admin-token': key })).status).toBe(200)
    expect(await admin.control.call('revokeAdminKeys', { body: { of: 'everybody' } })).toEqual({
      revoked: 2,
    })
    expect((await as({ 'kong-admin-token': key })).status).toBe(401)
    const statuses: number[] = []
    for (let i = 0; i < 60; i++)
      statuses.push((await as({ 'kong-admin-token': `csa_${'x'.repeat(43)}` })).status)
    expect(statuses).toContain(429)
    Object.assign(admin.control, await admin.control.call('mintAdminKey'))
    expect((await as({ 'kong-admin-token': admin.control.key })).status).toBe(200)
    expect(admin.control.events.find((event) => event.action === 'control.admin')).toMatchObject({
      status: 'refused',
      userId: null,
    })
  })
})

/** Without any header of ours. */
function askWithout(port: number, headers: Record<string, string>): Promise<{ status: number }> {
  return fetch(`http://127.0.0.1:${port}/status`, { headers }).then(({ status }) => ({ status }))
}
