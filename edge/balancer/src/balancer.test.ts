import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import type { HealthEntry, NewAuditEvent } from '@countersign/contract/platform'
import {
  PROXY_V2_PREFIX_BYTES,
  type ProxyHeader,
  parseProxyV2,
  proxyV2Remainder,
} from '@countersign/ground/http1'
import { createLog, Metrics } from '@countersign/ground/telemetry'
import { freePort, until } from '@countersign/ground/testkit'
import { afterEach, describe, expect, it } from 'vitest'
import { type Balancer, createBalancer } from './balancer.ts'
import type { Settings } from './config/settings.ts'

/** A gateway as the balancer meets it: reads the PROXY header, then answers each chunk with its own name in front. */
class StandIn {
  readonly headers: ProxyHeader[] = []
  readonly sockets = new Set<Socket>()
  readonly received: string[] = []
  readonly server: Server
  port = 0
  checks = 0
  constructor(name: string) {
    this.server = createServer({ allowHalfOpen: true }, (socket) => {
      this.sockets.add(socket)
      socket.on('close', () => this.sockets.delete(socket))
      socket.on('error', () => socket.destroy())
      let head: Buffer<ArrayBufferLike> | undefined = Buffer.alloc(0)
      socket.on('data', (chunk) => {
        let rest: Buffer<ArrayBufferLike> = chunk
        if (head !== undefined) {
          head = Buffer.concat([head, chunk])
          const more = proxyV2Remainder(head)
          if (more === undefined || head.length < PROXY_V2_PREFIX_BYTES + more) return
          const header = parseProxyV2(head.subarray(0, PROXY_V2_PREFIX_BYTES + more))
          if (header?.command === 'local') this.checks++
          else if (header !== undefined) this.headers.push(header)
          rest = head.subarray(PROXY_V2_PREFIX_BYTES + more)
          head = undefined
        }
        if (rest.length === 0) return
        this.received.push(rest.toString())
        socket.write(`${name}:${rest}`)
      })
      socket.on('end', () => socket.end())
    })
  }
  async listen(port = 0): Promise<this> {
    await new Promise<void>((resolve) => this.server.listen(port, '127.0.0.1', resolve))
    const address = this.server.address()
    this.port = typeof address === 'object' && address !== null ? address.port : 0
    return this
  }
  get address(): { host: string; port: number } {
    return { host: '127.0.0.1', port: this.port }
  }
  /** As after `kill -9`. */
  kill(): void {
    this.server.close()
    for (const socket of this.sockets) socket.resetAndDestroy()
  }
}

const entry = (id: string, meta: Record<string, string>): HealthEntry => ({
  Node: { Node: 'here', Address: '127.0.0.1', Datacenter: 'local' },
  Service: { ID: id, Service: 'gateway', Address: '127.0.0.1', Port: 1, Tags: [], Meta: meta },
  Checks: [],
})

/** The little of a workload that a balancer needs. */
function workload() {
  const events: NewAuditEvent[] = []
  const metrics = new Metrics()
  const watch = { entries: [] as HealthEntry[], tell: (): void => {} }
  const needs = {
    log: createLog({ service: 'balancer', node: 'balancer-1', level: 'silent' }),
    metrics,
    audit: {
      record: (event: NewAuditEvent) => void events.push(event),
      recordDurably: async (event: NewAuditEvent) => void events.push(event),
      flush: async () => 0,
    },
    instances: () => ({
      current: () => watch.entries,
      stale: false,
      first: Promise.resolve(),
      onChange: (listener: () => void) => {
        watch.tell = listener
        return () => {}
      },
      close: () => {},
    }),
  }
  return { needs, events, metrics, watch }
}

const closers: (() => void)[] = []
afterEach(() => {
  for (const close of closers.splice(0)) close()
})

async function gateway(name: string): Promise<StandIn> {
  const made = await new StandIn(name).listen()
  closers.push(() => made.kill())
  return made
}
async function listening(server: Server): Promise<{ host: string; port: number }> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  closers.push(() => void server.close())
  const address = server.address()
  return {
    host: '127.0.0.1',
    port: typeof address === 'object' && address !== null ? address.port : 0,
  }
}
async function balancer(
  settings: Partial<Settings>,
  needs = workload().needs,
): Promise<Balancer & { port: number }> {
  const made = await createBalancer(
    {
      listen: { host: '127.0.0.1', port: 0 },
      gateways: [],
      connectionsMax: 10_000,
      connectionsPerSourceMax: 10_000,
      ...settings,
    },
    needs,
  )
  closers.push(() => made.close())
  return Object.assign(made, { port: made.addresses[0]?.port ?? 0 })
}
async function client(port: number, host = '127.0.0.1'): Promise<Socket> {
  const socket = connect({ port, host, allowHalfOpen: true })
  closers.push(() => socket.destroy())
  await once(socket, 'connect')
  return socket
}
async function ask(socket: Socket, text: string): Promise<string> {
  socket.write(text)
  const [chunk] = (await once(socket, 'data')) as [Buffer]
  return chunk.toString()
}
const ended = (socket: Socket): Promise<string> =>
  new Promise((resolve) => {
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? 'error'))
    socket.once('end', () => resolve('ended'))
    socket.resume()
  })

describe('balancer', () => {
  it('spreads connections evenly over two gateways and brings bytes both ways', async () => {
    const [a, b] = [await gateway('a'), await gateway('b')]
    const door = await balancer({ gateways: [a.address, b.address] })
    const answers: string[] = []
    for (let i = 0; i < 20; i++) answers.push(await ask(await client(door.port), `hello ${i}`))
    expect(answers.filter((each) => each.startsWith('a:'))).toHaveLength(10)
    expect(answers.filter((each) => each.startsWith('b:'))).toHaveLength(10)
    expect(answers[7]).toMatch(/^[ab]:hello 7$/)
  })

  it('prefers the gateway with fewer open connections', async () => {
    const [a, b] = [await gateway('a'), await gateway('b')]
    const door = await balancer({ gateways: [a.address, b.address] })
    const ofA: Socket[] = []
    for (let i = 0; i < 6; i++) {
      const socket = await client(door.port)
      if ((await ask(socket, '?')) === 'a:?') ofA.push(socket)
    }
    expect(ofA).toHaveLength(3)
    for (const socket of ofA) socket.destroy()
    await until(() => a.sockets.size === 0, 'the connections of a are gone')
    await new Promise((resolve) => setTimeout(resolve, 50))
    for (let i = 0; i < 3; i++) expect(await ask(await client(door.port), 'again')).toBe('a:again')
  })

  it('tells the gateway who connected, and names each connection', async () => {
    const a = await gateway('a')
    const door = await balancer({ gateways: [a.address] })
    const [one, two] = [await client(door.port), await client(door.port)]
    await Promise.all([ask(one, '1'), ask(two, '2')])
    expect(a.headers).toHaveLength(2)
    const header = a.headers.find((each) => each.source?.port === one.localPort)
    expect(header).toMatchObject({
      command: 'proxy',
      source: { address: '127.0.0.1', port: one.localPort },
      destination: { address: '127.0.0.1', port: door.port },
    })
    expect(header?.uniqueId).toMatch(/^[0-9a-f-]{36}$/)
    expect(new Set(a.headers.map((each) => each.uniqueId)).size).toBe(2)
  })

  it('sends connections to the other gateway at once when one dies, and tells', async () => {
    const { needs, events, metrics } = workload()
    const [a, b] = [await gateway('a'), await gateway('b')]
    const door = await balancer({ gateways: [a.address, b.address] }, needs)
    for (let i = 0; i < 4; i++) await ask(await client(door.port), '?')
    a.kill()
    for (let i = 0; i < 20; i++) expect(await ask(await client(door.port), 'x')).toBe('b:x')
    expect(door.ready()).toBe(true)
    expect(events).toContainEqual(
      expect.objectContaining({
        action: 'gateway.eject',
        countersign: expect.objectContaining({
          details: { gateway: `127.0.0.1:${a.port}`, why: 'ECONNREFUSED' },
        }),
      }),
    )
    const text = await metrics.text()
    expect(text).toContain(`countersign_balancer_gateway_healthy{gateway="127.0.0.1:${a.port}"} 0`)
  })

  it('readmits a gateway that is back', async () => {
    const { needs, events } = workload()
    const [a, b] = [await gateway('a'), await gateway('b')]
    const door = await balancer({ gateways: [a.address, b.address] }, needs)
    a.kill()
    await until(() => events.some((each) => each.action === 'gateway.eject'), 'a is ejected')
    const again = await new StandIn('a').listen(a.port)
    closers.push(() => again.kill())
    await until(() => events.some((each) => each.action === 'gateway.readmit'), 'a is back')
    const answers = new Set<string>()
    for (let i = 0; i < 40; i++) answers.add(await ask(await client(door.port), 'x'))
    expect(answers).toEqual(new Set(['a:x', 'b:x']))
  })

  it('ejects a gateway whose process hangs behind an open port', async () => {
    const { needs, events } = workload()
    const a = await gateway('a')
    const hung = await listening(createServer({ pauseOnConnect: true, allowHalfOpen: true }))
    await balancer({ gateways: [a.address, hung] }, needs)
    await until(() => events.some((each) => each.action === 'gateway.eject'), 'it is ejected')
    expect(a.checks).toBeGreaterThan(1)
  })

  it('follows the registry, and falls back to the seed', async () => {
    const { needs, watch } = workload()
    const [a, b] = [await gateway('a'), await gateway('b')]
    const door = await balancer({ gateways: [a.address] }, needs)
    expect(await ask(await client(door.port), 'x')).toBe('a:x')
    watch.entries = [entry('gateway-2', { public: `127.0.0.1:${b.port}` }), entry('gateway-3', {})]
    watch.tell()
    for (let i = 0; i < 4; i++) expect(await ask(await client(door.port), 'x')).toBe('b:x')
    watch.entries = []
    watch.tell()
    expect(await ask(await client(door.port), 'x')).toBe('a:x')
  })

  it('survives a gateway that tells nonsense of itself', async () => {
    const { needs, watch } = workload()
    const a = await gateway('a')
    watch.entries = ['127.0.0.1:99999', 'nonsense', `127.0.0.1:${a.port}`].map((address, i) =>
      entry(`gateway-${i}`, { public: address }),
    )
    const door = await balancer({}, needs)
    for (let i = 0; i < 4; i++) expect(await ask(await client(door.port), 'x')).toBe('a:x')
  })

  it('loses no byte of a client that speaks before a gateway is found', async () => {
    const b = await gateway('b')
    const dead = await freePort()
    const door = await balancer({ gateways: [{ host: '127.0.0.1', port: dead }, b.address] })
    const socket = connect({ port: door.port, host: '127.0.0.1' })
    closers.push(() => socket.destroy())
    expect(await ask(socket, 'early')).toBe('b:early')
  })

  it('closes a connection when no gateway takes it', async () => {
    const door = await balancer({ gateways: [{ host: '127.0.0.1', port: await freePort() }] })
    expect(await ended(await client(door.port))).toBe('ended')
  })

  it('bounds connections per source and in total', async () => {
    const { needs, metrics, events } = workload()
    const a = await gateway('a')
    const door = await balancer(
      { gateways: [a.address], connectionsPerSourceMax: 3, connectionsMax: 4 },
      needs,
    )
    const three = [await client(door.port), await client(door.port), await client(door.port)]
    for (const socket of three) await ask(socket, '?')
    for (let i = 0; i < 2; i++) {
      const fourth = connect({ port: door.port, host: '127.0.0.1' })
      expect(await ended(fourth)).toBe('ECONNRESET')
    }
    three[0]?.destroy()
    expect(await metrics.text()).toContain('countersign_balancer_refused_total{reason="source"} 2')
    await until(() => a.sockets.size === 2, 'a place is free again')
    await until(async () => (await ask(await client(door.port), 'x')) === 'a:x', 'it is given')
    door.close()
    // One record of a source, however many were refused.
    expect(events.filter(({ action }) => action === 'balancer.connection')).toMatchObject([
      {
        status: 'refused',
        event: { code: 'RATE_LIMITED' },
        client: { ip: '127.0.0.1' },
        countersign: { door: 'balancer', details: { why: 'source', connections: '2' } },
      },
    ])
  })

  it('passes on an end of one side and lets the other finish', async () => {
    const a = await gateway('a')
    const door = await balancer({ gateways: [a.address] })
    const socket = await client(door.port)
    const answer = ask(socket, 'last words')
    socket.end()
    expect(await answer).toBe('a:last words')
    expect(await ended(socket)).toBe('ended')
  })

  it('holds back a fast sender for a slow reader', async () => {
    const slow = await listening(createServer((socket) => socket.pause()))
    const door = await balancer({ gateways: [slow] })
    const socket = await client(door.port)
    const chunk = Buffer.alloc(1024 * 1024)
    for (let i = 0; i < 64; i++) socket.write(chunk)
    await new Promise((resolve) => setTimeout(resolve, 300))
    // What does not fit into the kernel stays with the sender.
    expect(socket.writableLength).toBeGreaterThan(32 * 1024 * 1024)
  })

  it('drains: accepts nothing more, lets busy connections go on, ends quiet ones', async () => {
    const a = await gateway('a')
    const door = await balancer({ gateways: [a.address] })
    const [busy, quiet] = [await client(door.port), await client(door.port)]
    await ask(busy, '?')
    await ask(quiet, '?')
    const drained = door.drain()
    await expect(client(door.port)).rejects.toThrow('ECONNREFUSED')
    const quietEnds = ended(quiet)
    for (let i = 0; i < 12; i++) {
      expect(await ask(busy, `${i}`)).toBe(`a:${i}`)
      await new Promise((resolve) => setTimeout(resolve, 200))
    }
    await quietEnds
    busy.destroy()
    await drained
    expect(door.ready()).toBe(false)
  })

  it('listens at both loopback addresses of localhost and says when a port is taken', async () => {
    const a = await gateway('a')
    const door = await balancer({ gateways: [a.address], listen: { host: 'localhost', port: 0 } })
    expect(await ask(await client(door.port, '127.0.0.1'), 'x')).toBe('a:x')
    if (door.addresses.length === 2) {
      expect(await ask(await client(door.port, '::1'), 'x')).toBe('a:x')
      expect(a.headers.at(-1)?.source?.address).toBe('::1')
    }
    await expect(
      balancer({ gateways: [], listen: { host: '127.0.0.1', port: door.port } }),
    ).rejects.toMatchObject({ code: 'LISTEN_FAILED' })
  })
})
