import {
  type ChannelCredentials,
  Client,
  credentials,
  Metadata,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerUnaryCall,
  type ServiceDefinition,
  type ServiceError,
  status,
  type StatusObject,
} from '@grpc/grpc-js'
import { until } from '@countersign/ground/testkit'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ask } from './testing/client.ts'
import { askH2, openH2 } from './testing/h2-client.ts'
import { House, type Running } from './testing/house.ts'
import { kongPlugin, kongRoute, kongService } from './testing/kong-entities.ts'
import { createCredential } from './testing/pki.ts'

/* gRPC through the gateway, with a client and a service that speak it for real. Messages are bytes. */
const same = (bytes: Buffer): Buffer => bytes
const method = (name: string, streams: boolean) => ({
  ...{ path: `/talk.Talk/${name}`, requestStream: streams, responseStream: streams },
  ...{ requestSerialize: same, requestDeserialize: same },
  ...{ responseSerialize: same, responseDeserialize: same },
})
const TALK: ServiceDefinition = {
  say: method('Say', false),
  fail: method('Fail', false),
  never: method('Never', false),
  converse: method('Converse', true),
}
let house: House
let door: Running
let server: Server
let client: Client
let seen: Metadata | undefined
let cancelled = 0
beforeAll(async () => {
  house = await House.build()
  door = await house.gateway()
  server = new Server()
  server.addService(TALK, {
    say: (
      call: ServerUnaryCall<Buffer, Buffer>,
      done: (e: null, b: Buffer, t: Metadata) => void,
    ) => {
      seen = call.metadata
      const trailers = new Metadata()
      trailers.set('x-sum', String(call.request.length))
      done(null, call.request, trailers)
    },
    fail: (_call: unknown, done: (error: Partial<ServiceError>) => void) =>
      done({ code: status.NOT_FOUND, details: 'no such thing: 100 %' }),
    never: (call: ServerUnaryCall<Buffer, Buffer>) => call.on('cancelled', () => cancelled++),
    converse: (call: ServerDuplexStream<Buffer, Buffer>) => {
      call.on('data', (bytes: Buffer) => call.write(bytes))
      call.on('end', () => call.end())
      call.on('cancelled', () => cancelled++)
    },
  })
  const { chain, key } = await createCredential(house.pki, 'talk')
  const shown = [{ private_key: Buffer.from(key), cert_chain: Buffer.from(chain) }]
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync(
      '127.0.0.1:0',
      ServerCredentials.createSsl(Buffer.from(house.pki.bundle), shown, true),
      (error, bound) => (error === null ? resolve(bound) : reject(error)),
    ),
  )
  house.instances('talk').set([
    {
      Node: { Node: 'here', Address: '127.0.0.1', Datacenter: 'local' },
      Service: {
        ID: 'talk-1',
        Service: 'talk',
        Address: '127.0.0.1',
        Port: port,
        Tags: [],
        Meta: {},
      },
      Checks: [],
    },
  ])
  const talk = kongService('talk', { protocol: 'grpcs', read_timeout: 2_500 })
  const gone = kongService('gone', { protocol: 'grpcs' })
  const on = (path: string, more = {}) =>
    kongRoute(talk, { ...{ paths: [path], protocols: ['grpcs'], strip_path: false }, ...more })
  const open = { tags: ['public'] }
  const limited = on('/talk.Talk/Say', { ...open, headers: { 'x-way': ['limited'] } })
  const denied = on('/talk.Talk/Say', { ...open, headers: { 'x-way': ['denied'] } })
  const ended = on('/talk.Talk/Say', { ...open, headers: { 'x-way': ['ended'] } })
  await house.configure({
    services: [talk, gone],
    routes: [
      ...[on('/talk.Talk'), limited, denied, ended],
      on('/talk.Talk/Never', open),
      kongRoute(talk, { paths: ['/plain'], ...open }),
      kongRoute(gone, { paths: ['/gone.Gone'], protocols: ['grpcs'], strip_path: false, ...open }),
    ],
    plugins: [
      kongPlugin('rate-limiting', { route: limited }, { hour: 1, policy: 'local' }),
      kongPlugin('ip-restriction', { route: denied }, { deny: ['127.0.0.1'] }),
      kongPlugin('request-termination', { route: ended }, { status_code: 503 }),
    ],
  })
  const trusting: ChannelCredentials = credentials.createSsl(Buffer.from(house.pki.bundle))
  client = new Client(`localhost:${door.port}`, trusting)
})
afterAll(async () => {
  client.close()
  server.forceShutdown()
  await house.close()
})

const metadata = (more: Record<string, string> = {}): Metadata => {
  const made = new Metadata()
  made.set('authorization', `Bearer ${house.tokens.token()}`)
  for (const [name, value] of Object.entries(more)) made.set(name, value)
  return made
}
interface Answer {
  readonly bytes: Buffer | undefined
  readonly status: StatusObject | undefined
  readonly error: ServiceError | null
}
function call(path: string, message: Buffer | string, said = metadata()): Promise<Answer> {
  return new Promise((resolve) => {
    let last: StatusObject | undefined
    let answer: Omit<Answer, 'status'> | undefined
    const settle = (): void => {
      if (last !== undefined && answer !== undefined) resolve({ ...answer, status: last })
    }
    client
      .makeUnaryRequest(path, same, same, Buffer.from(message), said, (error, bytes) => {
        answer = { error, bytes }
        settle()
      })
      .on('status', (given) => {
        last = given
        settle()
      })
  })
}
const codeOf = async (path: string, said?: Metadata): Promise<number | undefined> =>
  (await call(path, 'hello', said)).error?.code

describe('a call of gRPC', () => {
  it('reaches the service, and its answer comes with metadata and trailers', async () => {
    const answer = await call(
      '/talk.Talk/Say',
      'hello',
      metadata({ 'x-user-id': 'root', 'x-a': 'b' }),
    )
    expect([String(answer.bytes), answer.status?.code]).toEqual(['hello', 0])
    expect(answer.status?.metadata.get('x-sum')).toEqual(['5'])
    expect(seen?.get('x-a')).toEqual(['b'])
    expect(seen?.get('x-forwarded-for')).toEqual(['127.0.0.1'])
    expect(seen?.get('x-user-id')).toEqual([])
    const large = Buffer.alloc(2_000_000, 'abc')
    const echo = await call('/talk.Talk/Say', large)
    expect(echo.bytes?.equals(large)).toBe(true)
    const many = await Promise.all(
      Array.from({ length: 50 }, (_, i) => call('/talk.Talk/Say', `${i}`)),
    )
    expect(many.map(({ bytes }) => String(bytes))).toEqual(many.map((_, i) => String(i)))
    expect(door.events.some(({ http }) => http?.response?.status_code === 200)).toBe(true)
  })
  it('that the service refuses is refused in its words', async () => {
    const { error } = await call('/talk.Talk/Fail', 'hello')
    expect([error?.code, error?.details]).toEqual([status.NOT_FOUND, 'no such thing: 100 %'])
  })
  it('may be a conversation', async () => {
    const talk = client.makeBidiStreamRequest('/talk.Talk/Converse', same, same, metadata())
    const heard: string[] = []
    talk.on('data', (bytes: Buffer) => heard.push(String(bytes)))
    const over = new Promise<StatusObject>((resolve) => talk.on('status', resolve))
    for (let i = 0; i < 20; i++) {
      talk.write(Buffer.from(`message ${i}`))
      await until(() => heard.length === i + 1, `the answer to message ${i}`)
    }
    talk.end()
    expect((await over).code).toBe(0)
    expect(heard.at(-1)).toBe('message 19')
  })
  it('that the client gives up ends at the service', async () => {
    const before = cancelled
    const talk = client.makeBidiStreamRequest('/talk.Talk/Converse', same, same, metadata())
    talk.on('error', () => {})
    const first = new Promise((resolve) => talk.once('data', resolve))
    talk.write(Buffer.from('hello'))
    await first
    talk.cancel()
    await until(() => cancelled > before, 'the service hears of it')
  })
})

describe('a refusal', () => {
  const way = (name: string): Metadata => metadata({ 'x-way': name })
  it('is one that clients of gRPC understand', async () => {
    expect(await codeOf('/talk.Talk/Say', new Metadata())).toBe(status.UNAUTHENTICATED)
    expect(await codeOf('/talk.Talk/Say', way('denied'))).toBe(status.PERMISSION_DENIED)
    expect(await codeOf('/talk.Talk/Say', way('limited'))).toBeUndefined()
    const { error } = await call('/talk.Talk/Say', 'hello', way('limited'))
    expect([error?.code, error?.details]).toEqual([
      status.RESOURCE_EXHAUSTED,
      'API rate limit exceeded',
    ])
    expect(await codeOf('/talk.Talk/Say', way('ended'))).toBe(status.UNAVAILABLE)
    expect(await codeOf('/nowhere.At/All')).toBe(status.NOT_FOUND)
    expect(await codeOf('/plain')).toBe(status.UNIMPLEMENTED)
    expect(await codeOf('/gone.Gone/Say')).toBe(status.UNAVAILABLE)
    expect(await codeOf('/talk.Talk/Never')).toBe(status.DEADLINE_EXCEEDED)
    await until(() => cancelled > 0, 'the service hears of it')
    const codes = door.events.map(({ event }) => event?.code)
    for (const code of ['TOKEN_MISSING', 'RATE_LIMITED', 'UPSTREAM_TIMEOUT'])
      expect(codes).toContain(code)
  })
  it('is nothing but a head; others are told as usual', async () => {
    const over = openH2({ port: door.port, ca: house.pki.bundle })
    const headers = { ':method': 'POST', ':path': '/talk.Talk/Say' }
    const grpc = await askH2(over, { ...headers, 'content-type': 'application/grpc+proto' })
    expect([grpc.status, grpc.body.length, grpc.headers]).toMatchObject([
      ...[200, 0],
      {
        'grpc-status': '16',
        'content-type': 'application/grpc',
        'x-request-id': expect.any(String),
      },
    ])
    const json = await askH2(over, { ...headers, 'content-type': 'application/json' }, '{}')
    expect([json.status, JSON.parse(String(json.body)).message]).toEqual([
      415,
      'Non-gRPC request matched gRPC route',
    ])
    over.destroy()
    const old = await ask({
      ...{
        port: door.port,
        ca: house.pki.bundle,
        path: '/talk.Talk/Say',
        method: 'POST',
        body: '',
      },
      headers: { 'content-type': 'application/grpc' },
    })
    expect([old.status, old.headers.upgrade]).toEqual([426, 'HTTP/2'])
  })
})

/* The last, since it takes the routes away. */
it('a call that goes on hears that it may not any more', async () => {
  const begin = () => {
    const talk = client.makeBidiStreamRequest('/talk.Talk/Converse', same, same, metadata())
    const over = new Promise<StatusObject>((resolve) => talk.on('status', resolve))
    return { talk: talk.on('error', () => {}), over }
  }
  const [answered, silent] = [begin(), begin()]
  const first = new Promise((resolve) => answered.talk.once('data', resolve))
  answered.talk.write(Buffer.from('hello'))
  await first
  const before = cancelled
  await house.configure({})
  expect((await answered.over).code).toBe(status.NOT_FOUND)
  expect((await silent.over).code).toBe(status.NOT_FOUND)
  await until(() => cancelled > before, 'the service hears of it')
})
