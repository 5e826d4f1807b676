import { temporaryFolder } from '@countersign/ground/testkit'
import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ask, openControl, type TestControl } from './testing/open-control.ts'

/* The six calls of the first seed text, byte for byte as curl sends them but for the key. */
const SIX: readonly (readonly [path: string, body: string])[] = [
  ['/services', 'name=order-service&url=https://order-service:3000'],
  ['/services/order-service/routes', 'paths[]=/orders&methods[]=GET&methods[]=POST'],
  ['/services/order-service/plugins', 'name=jwt'],
  [
    '/services/order-service/plugins',
    'name=rate-limiting&config.second=5&config.hour=1000&config.policy=redis&config.redis_host=redis-host',
  ],
  ['/plugins', 'name=mtls-auth&config.ca_certificates=ca-cert-id'],
  ['/plugins', 'name=prometheus'],
]

const folder = temporaryFolder()
let control: TestControl
beforeAll(async () => {
  control = await openControl(folder.path)
})
afterAll(async () => {
  await control.close()
  folder[Symbol.dispose]()
})

function curl(path: string, body: string): Promise<{ status: number; body: any }> {
  const basic = Buffer.from(`admin:${control.key}`).toString('base64')
  const head = [
    `POST ${path} HTTP/1.1`,
    'Host: kong:8001',
    `Authorization: Basic ${basic}`,
    'User-Agent: curl/8.5.0',
    'Accept: */*',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Content-Type: application/x-www-form-urlencoded',
    'Connection: close',
  ]
  return new Promise((resolve, reject) => {
    let text = ''
    const socket = connect(control.port, '127.0.0.1', () =>
      socket.write(`${head.join('\r\n')}\r\n\r\n${body}`),
    )
    socket.setEncoding('utf8').on('data', (piece: string) => {
      text += piece
    })
    socket.on('error', reject).on('end', () => {
      const [top = '', rest = ''] = text.split('\r\n\r\n')
      resolve({ status: Number(top.split(' ')[1]), body: JSON.parse(rest) })
    })
  })
}

describe('the calls of the seed', () => {
  const made: any[] = []
  test('are answered 201 as Kong documents them', async () => {
    for (const [path, body] of SIX) {
      const got = await curl(path, body)
      expect(got.status, path + JSON.stringify(got.body)).toBe(201)
      made.push(got.body)
    }
    const [service, route, jwt, limit, mtls, prometheus] = made
    expect(service).toMatchObject({
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      ...{
        name: 'order-service',
        protocol: 'https',
        host: 'order-service',
        port: 3000,
        path: null,
        retries: 5,
      },
      ...{ connect_timeout: 60000, write_timeout: 60000, read_timeout: 60000, enabled: true },
    })
    expect(route).toMatchObject({
      paths: ['/orders'],
      methods: ['GET', 'POST'],
      protocols: ['http', 'https'],
      strip_path: true,
      ...{
        https_redirect_status_code: 426,
        regex_priority: 0,
        path_handling: 'v0',
        preserve_host: false,
      },
      ...{
        request_buffering: true,
        response_buffering: true,
        snis: null,
        hosts: null,
        headers: null,
      },
      service: { id: service.id },
    })
    expect(jwt).toMatchObject({
      name: 'jwt',
      service: { id: service.id },
      route: null,
      consumer: null,
      enabled: true,
    })
    expect(limit.config).toMatchObject({
      ...{ second: 5, hour: 1000, policy: 'redis', limit_by: 'consumer' },
      redis: { host: 'redis-host', port: 6379, timeout: 2000, database: 0, ssl: false },
    })
    expect(mtls.config.ca_certificates).toEqual(['ca-cert-id'])
    expect(prometheus).toMatchObject({
      name: 'prometheus',
      service: null,
      config: { per_consumer: false },
    })
  })

  test('say where we are not Kong, and where a path is cut', () => {
    const [, route, jwt] = made
    expect(route.countersign.notes).toEqual([
      expect.stringMatching(/^closed by default/),
      expect.stringMatching(/^a default limit holds/),
      expect.stringMatching(/^strip_path cuts \/orders.*PATCH \/routes\/.* with strip_path=false$/),
    ])
    expect(jwt.countersign.notes[0]).toMatch(/^claims_to_verify: /)
  })

  test('repeated are answered 409, code 5, where there can be one only', async () => {
    const again: any[] = []
    for (const [path, body] of SIX) again.push(await curl(path, body))
    expect(again.map(({ status, body }) => [status, body.code])).toEqual([
      [409, 5],
      [201, undefined],
      [409, 5],
      [409, 5],
      [409, 5],
      [409, 5],
    ])
    const [service, , jwt] = made
    expect(again[0].body).toEqual({
      code: 5,
      name: 'unique constraint violation',
      message: `UNIQUE violation detected on '{name="order-service"}'`,
      fields: { name: 'order-service' },
    })
    expect(again[2].body.message).toBe(
      `UNIQUE violation detected on '{consumer=null,name="jwt",route=null,service={id="${service.id}"}}'`,
    )
    expect(jwt.id).toBeDefined()
  })

  test('are on record with who and what, and no secret', async () => {
    const changes = control.events.filter(
      (event) => event.action === 'control.change' && event.status === 'success',
    )
    expect(changes.at(-1)).toMatchObject({
      userId: 'u-1',
      user: { name: 'ada' },
      countersign: { details: { what: 'POST /services/order-service/routes', entities: 1 } },
    })
    const refused = control.events.filter((event) => event.status === 'refused')
    expect(refused[0]).toMatchObject({ event: { code: 'KONG_5' }, userId: 'u-1' })
    const got = await ask(control, 'GET /services/order-service/plugins')
    expect(got.body.data.map(({ name }: { name: string }) => name).sort()).toEqual([
      'jwt',
      'rate-limiting',
    ])
  })
})
