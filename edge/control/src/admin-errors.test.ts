import { temporaryFolder } from '@countersign/ground/testkit'
import { beforeAll, describe, expect, test } from 'vitest'
import { ask, openControl } from './testing/open-control.ts'
import { useAdminApi } from './testing/use-admin-api.ts'

const { api, made } = useAdminApi()
const NOBODY = '00000000-0000-4000-8000-000000000000'

describe("Kong's errors", () => {
  beforeAll(async () => {
    await made('/services', {
      name: 'taken',
      host: 'a',
      id: '22222222-2222-4222-8222-222222222222',
    })
    await made('/services/taken/routes', { paths: ['/taken'] })
  })
  test.each([
    [
      1,
      400,
      'GET /certificates/nonsense',
      undefined,
      `invalid primary key: '{id="expected a valid UUID"}'`,
    ],
    [2, 400, 'POST /services', { name: 'x' }, 'schema violation (host: required field missing)'],
    [
      2,
      400,
      'POST /routes',
      { paths: ['/a'], methods: 'GET', strip_path: 'yes' },
      '2 schema violations (methods: expected a set; strip_path: expected a boolean)',
    ],
    [
      2,
      400,
      'POST /plugins',
      { name: 'nonsense' },
      "schema violation (name: plugin 'nonsense' not enabled; add it to the 'plugins' configuration property)",
    ],
    [
      2,
      400,
      'POST /plugins',
      { name: 'mtls-auth', config: { ca_certificates: ['nobody'] } },
      'schema violation (config.ca_certificates: {"no CA certificate has this id or tag"})',
    ],
    [
      2,
      400,
      'POST /services',
      { host: 'a', __proto__x: 1, url: 'nonsense' },
      'schema violation (__proto__x: unknown field)',
    ],
    [
      3,
      400,
      'POST /services',
      { id: '22222222-2222-4222-8222-222222222222', host: 'b' },
      `primary key violation on key '{id="22222222-2222-4222-8222-222222222222"}'`,
    ],
    [
      4,
      400,
      'POST /routes',
      { paths: ['/a'], service: { id: NOBODY } },
      `the foreign key '{id="${NOBODY}"}' does not reference an existing 'services' entity.`,
    ],
    [
      4,
      400,
      'DELETE /services/taken',
      undefined,
      "an existing 'routes' entity references this 'services' entity",
    ],
    [
      5,
      409,
      'POST /services',
      { name: 'taken', host: 'b' },
      `UNIQUE violation detected on '{name="taken"}'`,
    ],
    [
      6,
      404,
      `PATCH /services/${NOBODY}`,
      { retries: 1 },
      `could not find the entity with primary key '{id="${NOBODY}"}'`,
    ],
    [
      7,
      400,
      'GET /services?offset=nonsense',
      undefined,
      "'nonsense' is not a valid offset: bad base64 encoding",
    ],
    [9, 400, 'GET /services?size=0', undefined, 'size must be an integer between 1 and 1000'],
    [9, 400, 'GET /services?size=many', undefined, 'size must be a number'],
    [
      10,
      400,
      'GET /services/a%20b',
      undefined,
      "invalid value 'a b': the only accepted ascii characters are alphanumerics or ., -, _, and ~",
    ],
    [
      11,
      400,
      'GET /services?tags=a,b/c',
      undefined,
      'invalid option (tags: invalid filter syntax)',
    ],
    [
      13,
      400,
      'POST /routes',
      { paths: ['/a'], service: { name: 'nowhere' } },
      `foreign key unresolved (service.name: the foreign key cannot be resolved with '{name="nowhere"}' for an existing 'services' entity)`,
    ],
    [
      14,
      400,
      'POST /config',
      { config: '_format_version: "9"' },
      'declarative config is invalid: {_format_version="expected one of: 1.1, 2.1, 3.0"}',
    ],
  ] as const)('%i, %i: %s %j', async (code, status, line, json, message) => {
    const before = await api('GET /status')
    const got = await api(line, json === undefined ? {} : { json })
    expect(got).toMatchObject({ status, body: { code, message } })
    const after = await api('GET /status')
    expect(after.body.countersign.version).toBe(before.body.countersign.version)
  })

  test('8, 500: what the disk does not take has not happened', async () => {
    using other = temporaryFolder()
    const broken = await openControl(other.path)
    broken.breakStore()
    const got = await ask(broken, 'POST /services', {
      json: { name: 'lost', host: 'a' },
      headers: {},
    })
    expect(got).toMatchObject({ status: 500, body: { code: 8, name: 'database error' } })
    expect((await ask(broken, 'GET /services')).body.data).toEqual([])
    expect(broken.events.at(-1)).toMatchObject({ status: 'failure', action: 'control.change' })
    await broken.close()
  })

  test('of paths and methods', async () => {
    expect(await api('GET /nonsense')).toMatchObject({
      status: 404,
      body: { message: 'Not found' },
    })
    expect(await api('GET /services/unknown')).toMatchObject({
      status: 404,
      body: { message: 'Not found' },
    })
    expect(await api('GET /services/unknown/routes')).toMatchObject({ status: 404 })
    expect(await api('PUT /services')).toMatchObject({
      status: 405,
      body: { message: 'Method not allowed' },
      headers: { allow: 'GET, HEAD, POST, OPTIONS' },
    })
    expect(await api('DELETE /status')).toMatchObject({
      status: 405,
      body: { message: 'Method not allowed' },
    })
    expect(await api('DELETE /services/unknown')).toMatchObject({ status: 204 })
    const { headers } = await api('GET /')
    expect(headers['x-kong-admin-latency']).toMatch(/^[0-9]+$/)
  })

  test('of bodies', async () => {
    const raw = (type: string, text: string) => api('POST /services', { raw: { type, text } })
    expect(await raw('application/json', '{')).toMatchObject({
      status: 400,
      body: { message: 'Cannot parse JSON body' },
    })
    expect(await raw('application/json', '[1]')).toMatchObject({ status: 400 })
    expect(await raw('text/plain', 'name=x')).toMatchObject({ status: 415 })
    expect(await raw('application/json', '{"__proto__":{"host":"a"}}')).toMatchObject({
      status: 400,
      body: { code: 2, fields: { host: 'required field missing' } },
    })
    expect(await raw('application/x-www-form-urlencoded', 'a=1&a.b=2')).toMatchObject({
      status: 400,
    })
    expect(await raw('application/json', `{"name":"${'x'.repeat(1_100_000)}"}`)).toMatchObject({
      status: 413,
    })
    expect(
      await raw('application/json', `${'{"a":'.repeat(500)}1${'}'.repeat(500)}`),
    ).toMatchObject({ status: 400 })
  })
})
