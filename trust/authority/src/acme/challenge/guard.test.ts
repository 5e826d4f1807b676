import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type Server, type ServerResponse } from 'node:http'
import { createServer as createTcpServer } from 'node:net'
import { temporaryFolder } from '@countersign/ground/testkit'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type DnsServer, startDns } from '../testing/dns-server.ts'
import { parseNetwork } from '../reach/networks.ts'
import { createResolver } from '../reach/resolver.ts'
import { validate } from './validate.ts'

/* D06: what a name's owner can make a validation do. Real DNS and sockets. */
let folder: ReturnType<typeof temporaryFolder>
let dns: DnsServer
let servers: { close(): void }[]
beforeEach(async () => {
  folder = temporaryFolder()
  dns = await startDns(folder.path)
  servers = [dns]
})
afterEach(() => {
  for (const server of servers) server.close()
  folder[Symbol.dispose]()
})

const NAME = 'www.acme.test'
const TOKEN = 'a'.repeat(43)
const EXPECTED = `${TOKEN}.thumb`

/** A web server that is asked on the port for http; says what it was asked. */
async function serve(
  answer: (response: ServerResponse, path: string) => void,
): Promise<{ port: number; asked: string[] }> {
  const asked: string[] = []
  const server: Server = createServer((request, response) => {
    asked.push(`${request.headers.host} ${request.url}`)
    answer(response, request.url ?? '')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  servers.push({ close: () => server.closeAllConnections() }, server)
  const address = server.address()
  return { asked, port: typeof address === 'object' && address !== null ? address.port : 0 }
}

interface Reached {
  readonly port: number
  readonly networks?: readonly string[]
  readonly tlsPort?: number
  readonly more?: readonly DnsServer[]
  readonly type?: 'http-01' | 'dns-01' | 'tls-alpn-01'
  readonly name?: string
  readonly caaIdentities?: readonly string[]
  readonly stop?: AbortSignal
}

async function check(options: Reached): Promise<string> {
  const { port, networks = ['127.0.0.1/32'], more = [], type = 'http-01', name = NAME } = options
  const listed = networks.map(parseNetwork).filter((network) => network !== undefined)
  const reaches = [dns, ...more].map(({ address }) => ({
    ...{ resolver: createResolver(address), networks: { public: false, listed } },
    ...{ httpPort: port, tlsPort: options.tlsPort ?? port },
  }))
  const problem = await validate(
    { type, name, token: TOKEN, thumbprint: 'thumb' },
    {
      reaches,
      caaIdentities: options.caaIdentities ?? [],
      stop: options.stop ?? new AbortController().signal,
      timeoutMs: 1_000,
      retryMs: [20, 20],
    },
  )
  return problem === undefined ? 'valid' : `${problem.type}: ${problem.message}`
}

const right = (response: ServerResponse): void => void response.end(`${EXPECTED}\n`)
const local = { a: ['127.0.0.1'] }

describe('http-01', () => {
  it('asks the name for the token, at the address that was checked', async () => {
    dns.set(NAME, local)
    const { port, asked } = await serve(right)
    expect(await check({ port })).toBe('valid')
    expect(asked).toEqual([`${NAME}:${port} /.well-known/acme-challenge/${TOKEN}`])
    expect(dns.asked.filter((each) => each === `A ${NAME}`)).toHaveLength(1)
  })

  it.each([
    ['another answer', (response: ServerResponse) => void response.end('no')],
    [
      'an answer with more behind it',
      (response: ServerResponse) => void response.end(`${EXPECTED}x`),
    ],
    ['a status', (response: ServerResponse) => void response.writeHead(404).end(EXPECTED)],
    [
      'a kilobyte too much',
      (response: ServerResponse) => void response.end(EXPECTED.padEnd(1_025)),
    ],
  ])('refuses %s', async (_, answer) => {
    dns.set(NAME, local)
    expect(await check({ port: (await serve(answer)).port })).toMatch(/^incorrectResponse/)
  })

  it('stops to read what does not end', async () => {
    dns.set(NAME, local)
    let written = 0
    const { port } = await serve((response) => {
      const more = (): void => {
        while (!response.destroyed && response.write('x'.repeat(65_536))) written += 65_536
        if (!response.destroyed) response.once('drain', more)
      }
      more()
    })
    expect(await check({ port })).toMatch(/^incorrectResponse: the answer is longer/)
    expect(written).toBeLessThan(16 * 1_048_576)
  })

  it.each([
    ['loopback', ['127.0.0.1'], ['10.0.0.0/8']],
    ['the metadata of a cloud, though all is allowed', ['169.254.169.254'], ['0.0.0.0/0']],
    ['one of two that is not allowed', ['127.0.0.1', '10.0.0.1'], ['127.0.0.0/8']],
    ['the unspecified address', ['0.0.0.0'], ['0.0.0.0/0']],
  ])('does not connect to %s', async (_, a, networks) => {
    const { port, asked } = await serve(right)
    dns.set(NAME, { a })
    const outcome = await check({ port, networks })
    expect(outcome).toMatch(/^unauthorized: .* does not allow$/)
    // A stranger does not learn which address it was.
    for (const address of a) expect(outcome).not.toContain(address)
    expect(asked).toEqual([])
  })

  it('asks the DNS once a look: what it says later is not connected to', async () => {
    const { port, asked } = await serve(right)
    dns.set(NAME, (count) => ({ a: [count < 2 ? '127.0.0.1' : '127.0.0.2'] }))
    expect(await check({ port, networks: ['127.0.0.1/32'] })).toBe('valid')
    expect(asked).toHaveLength(1)
  })

  describe('follows redirects', () => {
    const to = (location: string) => (response: ServerResponse, path: string) =>
      path === '/there' ? right(response) : void response.writeHead(302, { location }).end()

    it('to another name and path, whose addresses are checked anew', async () => {
      dns.set(NAME, local)
      dns.set('there.acme.test', local)
      const there: { port: number } = { port: 0 }
      const { port } = await serve((response, path) =>
        to(`http://there.acme.test:${there.port}/there`)(response, path),
      )
      there.port = port
      expect(await check({ port })).toBe('valid')
      dns.set('there.acme.test', { a: ['127.0.0.2'] })
      expect(await check({ port })).toMatch(/^unauthorized/)
    })

    it.each([
      ['to an address', 'http://127.0.0.1:PORT/there', 'does not lead to a name'],
      ['to another port', 'http://www.acme.test:6379/there', 'leads to another port'],
      ['to another scheme', 'ftp://www.acme.test/there', 'leads to neither http nor https'],
      ['to a file', 'file:///etc/passwd', 'leads to neither http nor https'],
      ['with a user name', 'http://a:b@www.acme.test/there', 'brings a user name'],
      ['to nowhere', 'http://', 'leads nowhere'],
      ['to an address in disguise', 'http://2130706433:PORT/there', 'does not lead to a name'],
      ['to a name of this machine', 'http://local_host:PORT/there', 'does not lead to a name'],
    ])('but not %s', async (_, location, fault) => {
      dns.set(NAME, local)
      const at = { port: 0 }
      const { port, asked } = await serve((response, path) =>
        to(location.replace('PORT', String(at.port)))(response, path),
      )
      at.port = port
      expect(await check({ port })).toContain(fault)
      expect(asked).toHaveLength(1)
    })

    it('five times at most', async () => {
      dns.set(NAME, local)
      const { port, asked } = await serve(
        (response) => void response.writeHead(301, { location: '/' }).end(),
      )
      expect(await check({ port })).toContain('more than 5 redirects')
      expect(asked).toHaveLength(6)
    })
  })

  it('tries again what may pass, three times at most', async () => {
    dns.set(NAME, (asked) => (asked < 4 ? { code: 2 } : local))
    const { port } = await serve(right)
    expect(await check({ port })).toBe('valid')
    dns.set('never.acme.test', {})
    const before = dns.asked.length
    expect(await check({ port, name: 'never.acme.test' })).toMatch(/^dns: .* no address/)
    expect(dns.asked.length - before).toBe(6)
  })

  it('is given up when its time is over, and at once when the server stops', async () => {
    dns.set(NAME, local)
    const silent = createTcpServer(() => undefined).listen(0, '127.0.0.1')
    await once(silent, 'listening')
    servers.push(silent)
    const { port } = silent.address() as { port: number }
    const start = Date.now()
    expect(await check({ port })).toMatch(/^connection: .* in time$/)
    expect(Date.now() - start).toBeGreaterThan(2_900)
    const stop = new AbortController()
    setTimeout(() => stop.abort(), 300)
    await expect(check({ port, stop: stop.signal })).rejects.toThrow()
  })

  it('needs all resolvers to agree', async () => {
    const other = await startDns(folder.path)
    servers.push(other)
    const { port } = await serve(right)
    dns.set(NAME, local)
    other.set(NAME, { a: ['127.0.0.2'] })
    expect(await check({ port, more: [other] })).toMatch(/^unauthorized/)
    other.set(NAME, local)
    expect(await check({ port, more: [other] })).toBe('valid')
  })
})

describe('dns-01', () => {
  const at = `_acme-challenge.${NAME}`
  const digest = 'gNAsnkEa3hAH1IgJzpEfNhcfCCbGzmuEjeTLrz6rWKI'
  const asked = { port: 1, type: 'dns-01' } as const

  it('wants the digest among the texts, through aliases, also for a wildcard', async () => {
    const right = createHash('sha256').update(EXPECTED).digest('base64url')
    dns.set(at, { txt: ['other', right] })
    expect(await check(asked)).toBe('valid')
    expect(await check({ ...asked, name: `*.${NAME}` })).toBe('valid')
    dns.set(at, { cname: 'alias.acme.test' })
    dns.set('alias.acme.test', { txt: [right] })
    expect(await check(asked)).toBe('valid')
    dns.set(at, { txt: [digest] })
    expect(await check(asked)).toMatch(/^incorrectResponse/)
  })

  it.each([
    ['a circle', { a: 'b', b: 'a' }],
    [
      'a long way',
      Object.fromEntries(Array.from({ length: 12 }, (_, i) => [`n${i}`, `n${i + 1}`])),
    ],
  ])('does not follow %s of aliases', async (_, aliases: Record<string, string>) => {
    const [first = ''] = Object.keys(aliases)
    dns.set(at, { cname: `${first}.acme.test` })
    for (const [from, to] of Object.entries(aliases))
      dns.set(`${from}.acme.test`, { cname: `${to}.acme.test` })
    expect(await check(asked)).toMatch(/^dns: .* too many aliases/)
    expect(dns.asked.length).toBeLessThan(70)
  })
})

describe('tls-alpn-01', () => {
  it('refuses who does not speak the protocol', async () => {
    dns.set(NAME, local)
    const { port } = await serve(right)
    expect(await check({ port, type: 'tls-alpn-01' })).toMatch(/^(tls|connection)/)
  })
})

describe('CAA records', () => {
  it('of the nearest name decide, where the operator has a name for them', async () => {
    dns.set(NAME, local)
    dns.set('acme.test', { caa: ['0 issue other.example'] })
    const { port } = await serve(right)
    const caaIdentities = ['ca.example']
    expect(await check({ port, caaIdentities })).toMatch(/^caa/)
    expect(await check({ port })).toBe('valid')
    dns.set(NAME, { ...local, caa: ['0 issue ca.example; validationmethods=http-01'] })
    expect(await check({ port, caaIdentities })).toBe('valid')
    dns.set(NAME, { ...local, caa: ['0 issue ca.example; validationmethods=dns-01'] })
    expect(await check({ port, caaIdentities })).toMatch(/^caa/)
  })
})
