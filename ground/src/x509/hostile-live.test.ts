import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { connect, createServer, type TLSSocket } from 'node:tls'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createHostileChains, type HostileChain } from '../testkit/index.ts'
import { selectAlpn } from './select-alpn.ts'
import { validatePeer } from './validate-peer.ts'

/* The hostile chains once more, each shown by a peer in a handshake: as a server and as a client. */

const { bundle, good, hostile } = createHostileChains()
const roots = [new X509Certificate(bundle)]
const ours = { cert: good.chain, key: good.key, ca: bundle, minVersion: 'TLSv1.3' } as const
const ALPN = ['http/1.1']

type Shown = Pick<HostileChain, 'chain' | 'key'>
/** Such as no door would use: only the other side is on guard. */
const theirs = ({ chain, key }: Shown) => ({ cert: chain, key, ciphers: 'DEFAULT@SECLEVEL=0' })

/** What a client of ours says of a server: `let in`, or who refused it and why. */
async function asServer(shown: Shown): Promise<string> {
  const server = createServer({ ...theirs(shown), ALPNProtocols: ALPN })
  server.on('tlsClientError', () => undefined)
  server.on('secureConnection', (socket) => socket.on('error', () => undefined))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  const there = { port, host: '127.0.0.1', ALPNProtocols: ALPN }
  const socket = connect({ ...ours, ...there, checkServerIdentity: () => undefined })
  try {
    await once(socket, 'secureConnect')
    return judge(socket, 'server')
  } catch (error) {
    return `OpenSSL: ${error}`
  } finally {
    socket.destroy()
    server.close()
  }
}

const door = createServer({
  ...{ ...ours, requestCert: true, rejectUnauthorized: true },
  ALPNCallback: selectAlpn(ALPN),
})
let port = 0
beforeAll(async () => {
  door.listen(0, '127.0.0.1')
  await once(door, 'listening')
  port = (door.address() as { port: number }).port
})
afterAll(() => {
  door.close()
})

/** What a door of ours says of a client. */
async function asClient(shown: Shown, trusted = roots): Promise<string> {
  const socket = connectAs(shown)
  try {
    return await met(socket, trusted)
  } finally {
    door.removeAllListeners('secureConnection').removeAllListeners('tlsClientError')
    socket.destroy()
  }
}

function connectAs(shown: Shown, session?: Buffer): TLSSocket {
  const socket = connect({
    ...{ port, host: '127.0.0.1', ...theirs(shown), ca: bundle, ALPNProtocols: ALPN },
    checkServerIdentity: () => undefined,
    ...(session === undefined ? {} : { session }),
  })
  return socket.on('error', () => undefined)
}

function met(socket: TLSSocket, trusted: readonly X509Certificate[]): Promise<string> {
  return new Promise((resolve) => {
    door.once('secureConnection', (peer: TLSSocket) => {
      const said = judge(peer, 'client', trusted)
      socket.once('data', () => resolve(said))
      peer.end('hello')
    })
    door.once('tlsClientError', (error) => resolve(`OpenSSL: ${error}`))
  })
}

function judge(
  socket: TLSSocket,
  purpose: 'client' | 'server',
  trusted: readonly X509Certificate[] = roots,
): string {
  socket.on('error', () => undefined)
  if (!socket.authorized) return `OpenSSL: ${socket.authorizationError}`
  const verdict = validatePeer(socket, { roots: trusted, now: Date.now(), purpose })
  const how = socket.isSessionReused() ? 'again' : 'in'
  return verdict.ok ? `let ${how}` : `we: ${verdict.fault}`
}

const rows = hostile.map((row) => [row.name, row] as const)
/** OpenSSL cannot read these, so nobody can show them. */
const UNREADABLE = ['a padded serial', 'a time of UTCTime without seconds']
const shown = rows.filter(([name]) => !UNREADABLE.includes(name))

describe('a live peer', () => {
  // First, before anything is remembered.
  it.each(shown)('that comes with %s is refused', async (_, row) => {
    const said = await asClient(row)
    expect(said).toMatch(/^(OpenSSL|we): /)
    if (said.startsWith('we: ')) expect(said).toContain(row.why)
  })

  it.each(shown)('that serves %s is refused', async (_, row) => {
    const said = await asServer(row)
    expect(said).toMatch(/^(OpenSSL|we): /)
    if (said.startsWith('we: ')) expect(said).toContain(row.why)
  })

  it('with the good chain is let in', async () => {
    expect(await asServer(good)).toBe('let in')
    expect(await asClient(good)).toBe('let in')
  })

  it('that resumes a session is let in by issuers that were seen, also once the bundle has changed', async () => {
    const first = connectAs(good)
    const session = once(first, 'session') as Promise<[Buffer]>
    expect(await met(first, roots)).toBe('let in')
    const [ticket] = await session
    const other = new X509Certificate(createHostileChains().bundle)
    expect(await met(connectAs(good, ticket), roots)).toBe('let again')
    expect(await met(connectAs(good, ticket), [...roots, other])).toBe('let again')
    expect(await met(connectAs(good, ticket), [other])).toContain('no root of the bundle')
  })

  it.each(UNREADABLE)('cannot show %s', (name) => {
    const row = hostile.find((candidate) => candidate.name === name)
    expect(() => createServer(theirs(row ?? good))).toThrow(/asn1/)
  })
})
