import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createGuardedFetch } from './guarded-fetch.ts'
import { networks } from '../upstream/address-guard.ts'

let server: Server
let port: number
const asked: string[] = []
beforeAll(async () => {
  server = createServer((request, response) => {
    asked.push(request.url ?? '')
    if (request.url === '/away') response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end()
    else if (request.url === '/long') response.end('x'.repeat(100_000))
    else if (request.url !== '/never') response.writeHead(200, { 'x-a': '1' }).end('hello')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  port = (server.address() as AddressInfo).port
})
afterAll(() => {
  server.close()
  server.closeAllConnections()
})

describe('a place that is refused', () => {
  const fetch = createGuardedFetch({ allow: [] })
  it.each([
    'http://127.0.0.1:PORT/',
    'http://2130706433:PORT/',
    'http://0x7f.1:PORT/',
    'http://[::1]:PORT/',
    'http://[::ffff:127.0.0.1]:PORT/',
    'http://[64:ff9b::7f00:1]:PORT/',
    'http://localhost:PORT/',
    'http://0.0.0.0:PORT/',
    'http://169.254.169.254/latest/meta-data/',
    'http://[fd00:ec2::254]/latest/meta-data/',
    'http://[fe80::1]/',
    'http://user:pass@example.com/',
    'file:///etc/passwd',
    'gopher://127.0.0.1:PORT/',
    'nonsense',
  ])('%s is never asked', async (url) => {
    const before = asked.length
    await expect(fetch({ url: url.replace('PORT', String(port)) })).rejects.toThrow(/fetch|asked/)
    expect(asked.length).toBe(before)
  })
})

describe('a place that a setting allows', () => {
  const fetch = createGuardedFetch({ allow: ['127.0.0.0/8'] })
  const at = (path: string, more = {}) => fetch({ url: `http://localhost:${port}${path}`, ...more })
  it('answers', async () => {
    const { status, headers, body } = await at('/')
    expect([status, body.toString()]).toEqual([200, 'hello'])
    expect(headers).toContain('x-a')
  })
  it('leads nowhere else', async () => {
    expect((await at('/away')).status).toBe(302)
  })
  it('is given bounded time and space', async () => {
    await expect(at('/long', { bytesMax: 1_000 })).rejects.toThrow(/did not answer properly/)
    await expect(at('/never', { timeoutMs: 50 })).rejects.toThrow(/did not answer properly/)
  })
})

it('what is no network is no setting', () => {
  expect(() => networks(['here'])).toThrow('here is no address')
  expect(() => networks(['10.0.0.0/99'])).toThrow()
})
