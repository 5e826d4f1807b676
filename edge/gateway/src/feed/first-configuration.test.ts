import { until } from '@countersign/ground/testkit'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { ask } from '../testing/client.ts'
import { House } from '../testing/house.ts'
import { kongPlugin } from '../testing/kong-entities.ts'

/* A gateway without a configuration does not know what operators refuse. */
let house: House
beforeAll(async () => {
  house = await House.build()
  await house.service('order-1')
})
afterAll(() => house.close())

it('lets nobody pass before the first configuration, and then at once', async () => {
  house.control.isAway = true
  const door = await house.gateway()
  const at = (path: string) =>
    ask({ port: door.port, ca: house.pki.bundle, path, token: house.tokens.token() })
  await until(() => /which is away/.test(door.gateway.waitsFor() ?? ''), 'it says why')
  expect(door.gateway.ready()).toBe(false)
  for (const path of ['/orders', '/auth/login', '/nowhere']) {
    const answer = await at(path)
    expect([answer.status, answer.headers['retry-after']]).toEqual([503, '1'])
    expect(answer.json()).toMatchObject({ code: 'STARTING' })
  }
  const plugins = [kongPlugin('ip-restriction', {}, { deny: ['127.0.0.1'] })]
  house.control.isAway = false
  await house.configure({ plugins })
  expect((await at('/orders')).status).toBe(403)
  await house.configure({})
  expect((await at('/orders')).status).toBe(200)
  await until(() => door.gateway.ready(), 'it is ready')
  expect(door.gateway.waitsFor()).toBeUndefined()
})
