import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ask, type Got, openControl, type TestControl } from './testing/open-control.ts'

let folder = ''
let control: TestControl
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'control-names-'))
  control = await openControl(folder)
})
afterAll(async () => {
  await control.close()
  rmSync(folder, { recursive: true })
})
const api = (line: string, json?: object): Promise<Got> =>
  ask(control, line, json === undefined ? {} : { json })

describe('what entities are called and found by', () => {
  test('a target: as it was given, also where its port was added and its letters made small', async () => {
    await api('POST /upstreams', { name: 'up' })
    const { body } = await api('POST /upstreams/up/targets', { target: 'One.example.com' })
    expect(body.target).toBe('one.example.com:8000')
    for (const name of ['One.example.com', 'one.example.com', 'ONE.example.com:8000', body.id])
      expect((await api(`GET /upstreams/up/targets/${name}`)).body.id).toBe(body.id)
    expect((await api('PATCH /upstreams/up/targets/One.example.com', { weight: 1 })).status).toBe(
      200,
    )
    expect((await api('PUT /upstreams/up/targets/one.example.com/unhealthy')).status).toBe(204)
    expect((await api('GET /upstreams/up/targets/one.example.com:80')).status).toBe(404)
    expect((await api('DELETE /upstreams/up/targets/One.example.com')).status).toBe(204)
    expect((await api('GET /upstreams/up/targets')).body.data).toEqual([])
  })

  test('a consumer: by the id of an outer system, and then by no other', async () => {
    for (const custom_id of ['c-1', 'c-2'])
      await api('POST /consumers', { username: `of ${custom_id}`, custom_id })
    const found = async (query: string): Promise<unknown[]> =>
      (await api(`GET /consumers?${query}`)).body.data.map(
        (each: { username: string }) => each.username,
      )
    expect(await found('custom_id=c-2')).toEqual(['of c-2'])
    expect(await found('custom_id=c')).toEqual([])
    expect(await found('custom_id=')).toEqual([])
  })

  test.each(['Straße', 'सेवा', 'การสั่ง', 'e\u0301'])('a service: %s', async (name) => {
    const { status, body } = await api('POST /services', { name, host: 'a.example.com' })
    expect(status).toBe(201)
    expect((await api(`GET /services/${encodeURIComponent(name)}`)).body.id).toBe(body.id)
  })
  test.each(['a b', 'a/b', 'a\u202eb', '\ud800', 'a\nb'])('no service: %j', async (name) => {
    const { body } = await api('POST /services', { name, host: 'a.example.com' })
    expect(body).toMatchObject({
      code: 2,
      fields: { name: expect.stringMatching(/^invalid value/) },
    })
  })

  test('nothing is below what has nothing below it', async () => {
    for (const path of ['/status/x', '/endpoints/x', '/tags/a/b', '/services/a/routes/b/plugins'])
      expect((await api(`GET ${path}`)).status).toBe(404)
  })
})

describe("headers of an upstream's checks", () => {
  const checks = (headers: object): Promise<Got> =>
    api('POST /upstreams', { name: 'checked', healthchecks: { active: { headers } } })

  test.each([
    [{ 'x-a': ['b\r\nc: d'] }, { 'x-a': ['a header has no such characters'] }],
    [{ 'x-a': ['b', '\u2028'] }, { 'x-a': [null, 'a header has no such characters'] }],
    [{ Host: ['b'] }, { Host: 'cannot be set: the gateway writes this header itself' }],
    [
      { 'transfer-encoding': ['chunked'] },
      { 'transfer-encoding': 'cannot be set: the gateway writes this header itself' },
    ],
    [
      { 'x a': ['b'] },
      { 'x a': "bad header name 'x a', allowed characters are A-Z, a-z, 0-9, '_', and '-'" },
    ],
  ])('%j cannot be sent, and is refused', async (headers, wrong) => {
    const { status, body } = await checks(headers)
    expect([status, body.fields]).toEqual([400, { healthchecks: { active: { headers: wrong } } }])
  })

  test('others are taken', async () => {
    expect((await checks({ 'X-Check': ['1', 'é'], authorization: ['Bearer x'] })).status).toBe(201)
  })
})
