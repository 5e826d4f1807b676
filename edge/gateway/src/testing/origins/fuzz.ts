import { contract, describe, endpoint } from '@countersign/contract'
import { NodeReader, temporaryFolder, until } from '@countersign/ground/testkit'
import { House, type Running } from '../house.ts'
import { kongConsumer, kongPlugin, kongRoute, kongService } from '../kong-entities.ts'
import type { Client } from './compare.ts'
import { judge } from './judge.ts'
import { judgeSpoilt } from './judge-spoilt.ts'
import type { Origin } from './piece.ts'
import { type RunningOrigin, startOrigin } from './programs.ts'
import { Recorder } from './recorder.ts'
import { Door, type Got, send } from './send.ts'
import { makeStream, type Stream } from './stream.ts'
import { KEYS } from './well-formed.ts'

/** What a run has come to. */
export interface Tally {
  streams: number
  requests: number
  /** Requests that each origin saw. */
  readonly seen: Map<Origin, number>
  /** Requests that were lost with a connection that an origin has ended, or too late, or turned away as too many (503) or too slow (408). */
  lost: number
  /** Of the attacks, each by its kind, how many were sent. */
  readonly attacks: Map<string, number>
  readonly findings: string[]
}

const AT_ONCE = 24
const BATCH = 240

/**
 * A gateway before three origins, and clients that send streams of a grammar through it. Every stream has a seed; what is found
 * is told with it.
 */
export class Fuzz {
  readonly tally: Tally = {
    streams: 0,
    requests: 0,
    seen: new Map(),
    lost: 0,
    attacks: new Map(),
    findings: [],
  }
  readonly #origins: readonly Origin[]
  readonly #closers: (() => unknown)[] = []
  #parts: Parts | undefined

  constructor(origins: readonly Origin[]) {
    this.#origins = origins
  }
  async start(): Promise<void> {
    const folder = temporaryFolder()
    this.#closers.push(() => folder[Symbol.dispose]())
    const recorder = await Recorder.start()
    this.#closers.push(() => recorder.close())
    const reference = await NodeReader.start()
    this.#closers.push(() => reference.close())
    const house = await House.build()
    const { pki } = house
    for (const name of this.#origins) {
      const origin = await startOrigin(name, { pki, recorder, folder: folder.path })
      this.#closers.push(() => origin.close())
      house.instances(name).set([entryOf(origin)])
    }
    house.contracts.set(this.#origins.map(contractOf))
    // Clients and origins share the process of the gateway, which would take their work for a queue of its own.
    const running = await house.gateway({ GATEWAY_QUEUE_MS_MAX: '60000' })
    this.#closers.push(() => house.close())
    await house.configure(routesWithKeys(this.#origins))
    const door = new Door(running.port, pki.bundle)
    this.#parts = { recorder, reference, running, door }
  }
  async close(): Promise<void> {
    for (const close of this.#closers.splice(0).reverse()) await close()
  }

  /** Sends the streams of these seeds, and judges them. */
  async run(from: number, count: number): Promise<void> {
    for (let seed = from; seed < from + count; seed += BATCH) {
      const seeds = Array.from({ length: Math.min(BATCH, from + count - seed) }, (_, i) => seed + i)
      await this.#batch(seeds.map((each) => makeStream(each, this.#origins)))
    }
  }

  async #batch(streams: readonly Stream[]): Promise<void> {
    const parts = this.#parts
    if (parts === undefined) throw new Error('not started')
    const got = new Map<Stream, Got>()
    const waiting = [...streams]
    const client = async (): Promise<void> => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift())
        got.set(next, await send(parts.door, next))
    }
    await Promise.all(Array.from({ length: AT_ONCE }, client))
    await quiet(parts)
    const told = new Map(
      parts.running.events.map(({ http, countersign }) => [http?.request?.id, countersign?.rule]),
    )
    const lost = new Set([...told].flatMap(([id, rule]) => (isLost(rule) ? [id] : [])))
    const doorPort = parts.running.port
    for (const [stream, one] of got) {
      this.#findUntold(stream, one, told)
      await this.#judge(parts, stream, one, { address: stream.address, doorPort, lost })
    }
    this.#settle(parts)
  }

  async #judge(
    { recorder, reference }: Parts,
    stream: Stream,
    got: Got,
    client: Client,
  ): Promise<void> {
    const { tally } = this
    const seen = recorder.take(stream.address)
    tally.streams++
    tally.requests += stream.pieces.length
    for (const { origin } of seen) tally.seen.set(origin, (tally.seen.get(origin) ?? 0) + 1)
    for (const { kind, fate } of stream.pieces)
      if (fate !== 'served') tally.attacks.set(kind, (tally.attacks.get(kind) ?? 0) + 1)
    const findings = stream.isSpoilt
      ? judgeSpoilt(await reference.read(stream.bytes), got, seen, client)
      : judge(stream, got, seen, client)
    for (const each of findings) tally.findings.push(`seed ${stream.seed}: ${each}`)
  }

  /** What is refused as the fault of the client is on record; nothing is anybody else's. */
  #findUntold(
    { seed }: Stream,
    { answers }: Got,
    told: ReadonlyMap<string | undefined, string | undefined>,
  ): void {
    for (const { status, headers } of answers) {
      const id = headers.get('x-request-id')
      if (isLost(told.get(id)) || status === 503 || status === 408) this.tally.lost++
      else if (status >= 500) this.tally.findings.push(`seed ${seed}: ${status}: ${told.get(id)}`)
      else if (status >= 400 && !told.has(id))
        this.tally.findings.push(`seed ${seed}: a refusal (${status}) that is not on record`)
    }
  }

  #settle({ recorder, running }: Parts): void {
    const { findings } = this.tally
    findings.push(...recorder.faults.splice(0))
    for (const { origin, method, target } of recorder.rest())
      findings.push(`${origin} saw ${method} ${target} of nobody`)
    running.events.splice(0)
    running.logLines.splice(0)
  }
}

interface Parts {
  readonly recorder: Recorder
  readonly reference: NodeReader
  readonly running: Running
  readonly door: Door
}

const isLost = (rule: string | undefined): boolean =>
  rule !== undefined && /: (CONNECTION_LOST|TIMEOUT): /.test(rule)

/** Nothing is under way at the gateway, and no origin gets anything more. */
async function quiet({ recorder, running }: Parts): Promise<void> {
  let count = -1
  await until(
    async () => {
      const before = count
      count = recorder.count
      return before === count && /_in_flight 0$/m.test(await running.metrics.text())
    },
    'nothing is under way',
    60_000,
  )
}

const limit = '1000000/second per address'
const contractOf = (name: Origin) =>
  describe(
    contract(name, {
      any: endpoint({
        ...{ at: `ANY /${name}/*`, kind: 'mount', callers: ['gateway'], roles: 'stranger' },
        ...{ limit, bodyBytesMax: 1024 * 1024 },
      }),
    }),
  )

const entryOf = ({ name, port }: RunningOrigin) => ({
  Node: { Node: 'here', Address: '127.0.0.1', Datacenter: 'local' },
  Service: {
    ...{ ID: `${name}-1`, Service: name, Address: '127.0.0.1', Port: port },
    ...{ Tags: [], Meta: {} },
  },
  Checks: [],
})

/** Below `/keyed`, each origin once more: for those who have a key. */
function routesWithKeys(origins: readonly Origin[]) {
  const services = origins.map((name) => kongService(name))
  const routes = services.map((service) =>
    kongRoute(service, { name: `keyed-${service.host}`, paths: [`/keyed/${service.host}`] }),
  )
  const consumers = Object.keys(KEYS).map((name) => kongConsumer(name, { id: `id-of-${name}` }))
  return {
    ...{ services, routes, consumers },
    keyauth_credentials: consumers.map((consumer) => ({
      ...{ id: `key-${consumer.username}`, created_at: 0, updated_at: 0, tags: null, ttl: null },
      ...{ consumer: { id: consumer.id }, key: KEYS[consumer.username ?? ''] ?? '' },
    })),
    plugins: routes.flatMap((route) => [
      kongPlugin('key-auth', { route }),
      kongPlugin('rate-limiting', { route }, { second: 1_000_000, policy: 'local' }),
    ]),
  } as const
}
