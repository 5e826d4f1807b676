import { createUpstream, type Upstream } from '../upstream.ts'
import { UpstreamError } from '../upstream-error.ts'
import type { UpstreamRequest } from '../upstream-request.ts'
import { createTestLog } from './issuer.ts'
import { idOf, type TestCredential, TestIdentity, TestPki } from './pki.ts'
import { type Client, RawServer } from './raw-server.ts'

/** Makes upstreams to servers that answer with whatever bytes a test likes, and ends them all after each test. */
export class UpstreamLab {
  readonly pki: TestPki
  readonly ours: TestCredential
  readonly theirs: TestCredential
  readonly cleanups: (() => unknown)[] = []
  readonly #logged = createTestLog()
  /** What the upstreams have logged. */
  readonly lines = this.#logged.lines

  private constructor(pki: TestPki, ours: TestCredential, theirs: TestCredential) {
    this.pki = pki
    this.ours = ours
    this.theirs = theirs
  }
  static async create(): Promise<UpstreamLab> {
    const pki = await TestPki.create()
    return new UpstreamLab(pki, await pki.svid('order'), await pki.svid('payment'))
  }

  async connectedTo(
    onBytes: (client: Client, text: string) => void,
    options: { connectionsMax?: number; preconnect?: number } = {},
  ): Promise<{ upstream: Upstream; server: RawServer }> {
    const server = await RawServer.workload(this.theirs, this.pki.bundle, onBytes)
    const upstream = createUpstream({
      ...{ address: { host: '127.0.0.1', port: server.port }, expectedId: idOf('payment') },
      ...{ identity: new TestIdentity(this.ours, this.pki.bundle), log: this.#logged.log },
      ...options,
    })
    this.cleanups.push(async () => {
      const closing = upstream.close()
      await server.close()
      await closing
    })
    return { upstream, server }
  }
  async cleanUp(): Promise<void> {
    for (const cleanup of this.cleanups.splice(0).reverse()) await cleanup()
  }
}

export const ask = (path = '/', changes: Partial<UpstreamRequest> = {}): UpstreamRequest => ({
  ...{ method: 'GET', path, headers: [], timeoutMs: 20_000 },
  ...changes,
})
export async function errorOf(promise: Promise<unknown>): Promise<UpstreamError> {
  const thrown = await promise.catch((error: unknown) => error)
  if (!(thrown instanceof UpstreamError)) throw new Error('no UpstreamError', { cause: thrown })
  return thrown
}
/** All that a receiver hears, in order; a body as one text. `done` when it has heard the end. */
export function hear(
  upstream: Upstream,
  request: UpstreamRequest,
): { heard: unknown[][]; done: Promise<unknown[][]>; cancel: () => void } {
  const heard: unknown[][] = []
  const { promise, resolve } = Promise.withResolvers<unknown[][]>()
  const note = (...what: unknown[]): void => void heard.push(what)
  const cancel = upstream.stream(request, {
    informational: (status, headers) => note('interim', status, headers),
    head: (status, headers) => {
      note('head', status, headers)
      return true
    },
    data: (chunk) => {
      const last = heard.at(-1)
      if (last?.[0] === 'data') last[1] += chunk.toString('latin1')
      else note('data', chunk.toString('latin1'))
      return true
    },
    end: (trailers) => {
      note('end', trailers)
      resolve(heard)
    },
    error: ({ code, sent, answered }) => {
      note('error', code, sent, answered)
      resolve(heard)
    },
  })
  return { heard, done: promise, cancel }
}
