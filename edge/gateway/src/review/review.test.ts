import { once } from 'node:events'
import { randomUUID } from 'node:crypto'
import type { ServerResponse } from 'node:http'
import { until } from '@countersign/ground/testkit'
import { EMPTY_CONFIG, type KongConfig, type Plugin } from '@countersign/kong'
import { Refusal } from '@countersign/layers'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type RawData, WebSocket, WebSocketServer } from 'ws'
import { z } from 'zod'
import { openH2 } from '../testing/h2-client.ts'
import { House, type Running } from '../testing/house.ts'
import { kongConsumer, kongPlugin, kongRoute, kongService } from '../testing/kong-entities.ts'

/* What goes on when the configuration changes, and what ends. */
let house: House
let door: Running
let server: WebSocketServer
const answers: ServerResponse[] = []
/** Proves who asks by anything at all, and may not be asked twice. */
const proveOnce: Plugin = {
  ...{ name: 'prove-once', priority: 1_100, schema: z.strictObject({ say: z.string() }) },
  ...{ authenticates: true, again: false },
  create: (_config, { tools }) => {
    const known = new Set<string>()
    return {
      access(asked) {
        const ticket = asked.header('x-ticket') ?? ''
        const used = tools.shared('used tickets', () => known)
        if (used.has(ticket)) throw new Refusal('CREDENTIAL_INVALID', { rule: 'used before' })
        used.add(ticket)
        asked.authenticated({ consumer: tools.directory.consumer('grace') })
      },
    }
  },
}
/** Cannot say, for a while. */
let unsure = 0
const wavers: Plugin = {
  ...{ name: 'wavers', priority: 1_000, schema: z.strictObject({}) },
  create: () => ({
    access() {
      if (unsure > 0 && unsure-- > 0) throw new Error('cannot say')
    },
  }),
}
beforeAll(async () => {
  house = await House.build()
  const chat = await house.service('chat-1')
  await house.service('other-1')
  server = new WebSocketServer({ server: chat.server })
  server.on('connection', (socket) => {
    socket.on('message', (data, binary) => socket.send(data, { binary }))
  })
  chat.handler = (seen, response) => {
    answers.push(response)
    if (seen.url.startsWith('/long')) response.setHeader('content-length', 200_000)
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write('data: first\n\n')
  }
  door = await house.gateway({}, [proveOnce, wavers])
})
afterAll(async () => {
  server.close()
  await house.close()
})

const ref = ({ id }: { readonly id: string }) => ({ id })
const credential = (consumer: { readonly id: string }, key: string) => ({
  ...{
    id: randomUUID(),
    created_at: 1,
    updated_at: 1,
    tags: null,
    consumer: ref(consumer),
    key,
    ttl: null,
  },
})
const group = (consumer: { readonly id: string }, name: string) => ({
  ...{
    id: randomUUID(),
    created_at: 1,
    updated_at: 1,
    tags: null,
    consumer: ref(consumer),
    group: name,
  },
})
const [ada, grace, emmy] = [kongConsumer('ada'), kongConsumer('grace'), kongConsumer('emmy')]
const [chat, moved] = [kongService('chat'), kongService('chat', { name: 'moved' })]
const route = (name: string, more = {}) =>
  kongRoute(chat, { name, paths: [`/${name}`], protocols: ['https', 'wss'], ...more })
const open = { tags: ['public'] }
const routes = {
  ...{ stays: route('stays', open), gone: route('gone', open), plain: route('plain', open) },
  ...{ elsewhere: route('elsewhere', open), closed: route('closed', open), token: route('token') },
  ...{ key: route('key'), group: route('group'), address: route('address', open) },
  ...{ ended: route('ended', open), once: route('once'), waits: route('waits', open) },
}
const [adasKey, gracesKey, emmysKey] = [
  credential(ada, 'key-of-ada'),
  credential(grace, 'key-of-grace'),
  credential(emmy, 'key-of-emmy'),
]
const keyAuth = (at: { readonly id: string }) => kongPlugin('key-auth', { route: at })
const guards = [keyAuth(routes.key), keyAuth(routes.group)]
const byGroup = kongPlugin('acl', { route: routes.group }, { allow: ['staff'] })
const limited = kongPlugin('rate-limiting', { route: routes.stays }, { hour: 3, policy: 'local' })
const ticket = kongPlugin('prove-once', { route: routes.once }, { say: 'a' })
const wavering = kongPlugin('wavers', { route: routes.waits })
const before: KongConfig = {
  ...EMPTY_CONFIG,
  services: [chat, moved],
  routes: Object.values(routes),
  consumers: [ada, grace, emmy],
  keyauth_credentials: [adasKey, gracesKey, emmysKey],
  acls: [group(ada, 'staff'), group(emmy, 'staff')],
  plugins: [...guards, byGroup, limited, ticket, wavering],
}

interface Talk {
  readonly socket: WebSocket
  closed: { code: number; reason: string } | undefined
}
async function talk(path: string, headers: Record<string, string> = {}): Promise<Talk> {
  const socket = new WebSocket(`wss://localhost:${door.port}${path}`, {
    ...{ ca: house.pki.bundle, headers, perMessageDeflate: false },
  })
  const made: Talk = { socket, closed: undefined }
  socket.on('error', () => {})
  socket.on('close', (code, reason) => {
    made.closed = { code, reason: String(reason) }
  })
  await once(socket, 'open')
  return made
}
async function echoes({ socket }: Talk, text: string): Promise<void> {
  socket.send(text)
  const [back] = (await once(socket, 'message')) as [RawData]
  expect(String(back)).toBe(text)
}
const POLICY = { code: 1008, reason: 'the configuration has changed' }
const key = (value: string) => ({ apikey: value })
const bearer = () => ({ authorization: `Bearer ${house.tokens.token()}` })

it('ends tunnels whose ground is gone, and no other', async () => {
  await house.configure(before)
  const stay = {
    open: await talk('/stays'),
    key: await talk('/key', key('key-of-ada')),
    group: await talk('/group', key('key-of-ada')),
    token: await talk('/token', bearer()),
    once: await talk('/once', { 'x-ticket': '1' }),
  }
  const end = {
    'its route is gone': await talk('/gone'),
    'the route names wss no more': await talk('/plain'),
    'the route leads to another service': await talk('/elsewhere'),
    'it is not public any more': await talk('/closed'),
    'its credential is gone': await talk('/key', key('key-of-grace')),
    'its group is gone': await talk('/group', key('key-of-emmy')),
    'its address is refused': await talk('/address'),
    'the route ends all': await talk('/ended'),
  }
  await house.configure({
    ...before,
    routes: Object.values({
      ...routes,
      gone: routes.stays,
      plain: { ...routes.plain, protocols: ['https'] },
      elsewhere: { ...routes.elsewhere, service: ref(moved) },
      closed: { ...routes.closed, tags: null },
    }),
    keyauth_credentials: [adasKey, emmysKey],
    acls: before.acls.slice(0, 1),
    plugins: [
      ...before.plugins,
      kongPlugin('ip-restriction', { route: routes.address }, { deny: ['127.0.0.1'] }),
      kongPlugin('request-termination', { route: routes.ended }, { status_code: 503 }),
    ],
  })
  for (const [why, each] of Object.entries(end)) {
    await until(() => each.closed !== undefined, why)
    expect(each.closed, why).toEqual(POLICY)
  }
  // A limit is not used up by being asked again, and a proof for once holds.
  for (const [what, each] of Object.entries(stay)) await echoes(each, what)
  const rules = () => door.events.map((event) => event.countersign?.rule ?? '').join('\n')
  await until(() => /ip-restriction/.test(rules()), 'why is on record')
  expect(rules()).toMatch(/it is gone, or leads elsewhere/)

  await house.configure({
    ...before,
    consumers: [ada, emmy],
    keyauth_credentials: [],
    plugins: [...guards, byGroup, limited, wavering, { ...ticket, config: { say: 'a' } }],
  })
  for (const each of [stay.key, stay.group, stay.once]) {
    await until(() => each.closed !== undefined, 'it ends')
    expect(each.closed).toEqual(POLICY)
  }
  await echoes(stay.token, 'still there')
  stay.token.socket.terminate()
  stay.open.socket.terminate()
})

it('ends a proof for once with the plugin as it was', async () => {
  await house.configure(before)
  const proven = await talk('/once', { 'x-ticket': '2' })
  await house.configure({ ...before, services: [chat, moved, kongService('other')] })
  await echoes(proven, 'hello')
  const changed = { ...ticket, config: { say: 'b' } }
  await house.configure({ ...before, plugins: [...guards, changed] })
  await until(() => proven.closed !== undefined, 'it ends')
})

it('asks again where it cannot be told', async () => {
  await house.configure(before)
  const one = await talk('/waits')
  unsure = 2
  await house.configure({ ...before, services: [chat, moved, kongService('other')] })
  await until(() => unsure === 0, 'it was asked again')
  await echoes(one, 'hello')
  one.socket.terminate()
})

it('ends a tunnel without a word where a frame is not over', async () => {
  await house.configure(before)
  await until(() => server.clients.size === 0, 'those before are gone')
  const half = await talk('/gone')
  const { _socket: wire } = half.socket as unknown as { _socket: NodeJS.ReadableStream }
  const arrived = once(wire, 'data')
  const [theirs] = server.clients as unknown as Set<{ _socket: NodeJS.WritableStream }>
  // The head of a frame of 100 bytes, and one of them.
  theirs?._socket.write(Buffer.from([0x82, 100, 1]))
  await arrived
  await house.configure({ ...before, routes: [routes.stays], plugins: [] })
  await until(() => half.closed !== undefined, 'it ends')
  expect(half.closed?.code).toBe(1006)
})

interface Heard {
  text: string
  over: boolean
}
/** Over HTTP/2, where an answer that is broken off leaves others alone. */
function listen(path: string, headers: Record<string, string> = {}): Heard {
  const heard: Heard = { text: '', over: false }
  const session = openH2({ port: door.port, ca: house.pki.bundle })
  const stream = session.request({ ':path': path, ...headers })
  stream.on('data', (chunk: Buffer) => {
    heard.text += String(chunk)
  })
  stream.on('error', () => {})
  stream.on('close', () => {
    heard.over = true
    session.destroy()
  })
  return heard
}

it('ends answers that go on, but none that says how long it is', async () => {
  await house.configure(before)
  const stays = listen('/stays/events')
  const leaves = listen('/key/events', key('key-of-grace'))
  const long = listen('/key/long', key('key-of-grace'))
  const all = [stays, leaves, long]
  await until(() => all.every(({ text }) => text.includes('first')), 'all have begun')
  await house.configure({ ...before, keyauth_credentials: [adasKey] })
  await until(() => leaves.over, 'it ends')
  const [left, whole] = [answers.at(-3), answers.find((each) => each.hasHeader('content-length'))]
  left?.write('data: second\n\n')
  await until(() => stays.text.includes('second'), 'the other goes on')
  whole?.end(Buffer.alloc(200_000 - 13, 'x'))
  await until(() => long.over, 'it is whole')
  expect(long.text.length).toBe(200_000)
})

it('asks about what begins while the configuration changes', async () => {
  await house.configure(before)
  let agree = (): void => {}
  const waiting = new Promise<void>((resolve) => {
    agree = resolve
  })
  server.options.verifyClient = (_info: unknown, done: (ok: boolean) => void) => {
    asked = true
    void waiting.then(() => done(true))
  }
  let asked = false
  const late = talk('/gone')
  await until(() => asked, 'the service is asked')
  await house.configure({ ...before, routes: [routes.stays], plugins: [] })
  agree()
  const opened = await late
  await until(() => opened.closed !== undefined, 'it ends')
  server.options.verifyClient = undefined
})
