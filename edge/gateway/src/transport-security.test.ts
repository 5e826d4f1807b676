import { afterAll, beforeAll, expect, it } from 'vitest'
import { isStrict } from './domain/transport-security.ts'
import { ask } from './testing/client.ts'
import { House, type Running } from './testing/house.ts'
import type { UpstreamServer } from './testing/upstream-server.ts'

let house: House
let door: Running
let order: UpstreamServer
beforeAll(async () => {
  house = await House.build()
  order = await house.service('order-1')
  door = await house.gateway({ GATEWAY_HOSTS: 'shop.test,localhost,127.0.0.1' })
})
afterAll(() => house.close())

const said = async (host: string, path = '/slow') => {
  const headers = { host }
  const answer = await ask({ port: door.port, ca: house.pki.bundle, path, headers })
  return answer.headers['strict-transport-security']
}

it('browsers are told to come by TLS only, by every answer under a name of somebody', async () => {
  expect(await said('shop.test')).toBe('max-age=31536000')
  expect(await said('Shop.Test:8443', '/nowhere')).toBe('max-age=31536000')
})
it('what a service says of it itself stays, and is not doubled', async () => {
  order.handler = (_seen, response) =>
    void response.writeHead(200, { 'Strict-Transport-Security': 'max-age=5' }).end()
  expect(await said('shop.test')).toBe('max-age=5')
})
it('nothing is said of the machine of a developer, nor of an address', async () => {
  order.handler = (_seen, response) => void response.end()
  for (const host of ['localhost', 'localhost:8443', '127.0.0.1'])
    expect(await said(host)).toBeUndefined()
  for (const host of ['', 'app.localhost', '[::1]', '192.0.2.1']) expect(isStrict(host)).toBe(false)
})
it('what the gateway says itself is not to be taken for anything else', async () => {
  const { headers } = await ask({ port: door.port, ca: house.pki.bundle, path: '/nowhere' })
  expect(headers['x-content-type-options']).toBe('nosniff')
})
