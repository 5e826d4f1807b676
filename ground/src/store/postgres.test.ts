import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { networkInterfaces } from 'node:os'
import { createSecureContext, TLSSocket } from 'node:tls'
import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import { createServerCertificate } from '../x509/issue.ts'
import { generateKeyPair } from '../x509/key-pair.ts'
import type { Issuer } from '../x509/sign-certificate.ts'
import { createPki } from '../x509/x509.fixture.ts'
import { openPostgres } from './postgres.ts'

/** An address of this machine that is not its loopback: what is there counts as another machine. */
const address = Object.values(networkInterfaces())
  .flat()
  .find((each) => each?.family === 'IPv4' && !each.internal)?.address
const SSL_REQUEST_BYTES = 8

interface Pki {
  readonly ca: string
  readonly key: string
  readonly cert: string
}
async function pkiFor(name: string): Promise<Pki> {
  const { root, rootIssuer } = await createPki()
  return { ca: root, ...(await certify(rootIssuer, name)) }
}
async function certify(issuer: Issuer, name: string): Promise<{ key: string; cert: string }> {
  const { publicKey, privateKey } = await generateKeyPair()
  const span = { notBefore: Date.now() - 1_000, notAfter: Date.now() + 60_000 }
  const cert = await createServerCertificate({ issuer, names: [name], publicKey, span })
  return { cert, key: privateKey.export({ format: 'pem', type: 'pkcs8' }).toString() }
}

describe.skipIf(address === undefined)('a PostgreSQL on another machine', () => {
  const host = address ?? ''
  let server: Server
  let port: number
  /** What came in the clear, and what came after the handshake. */
  let clear: number
  let sealed: string
  let good: Pki
  let other: Pki
  let wrongName: Pki

  beforeAll(async () => {
    good = await pkiFor(host)
    other = await pkiFor(host)
    wrongName = await pkiFor('db.example')
  })
  /** Answers the request for TLS with `N`, or with `S` and a handshake. */
  async function listen(pki?: Pki): Promise<void> {
    clear = 0
    sealed = ''
    server = createServer((socket: Socket) => {
      socket.on('error', () => {})
      socket.once('data', (request) => {
        clear += request.length
        if (pki === undefined) {
          socket.on('data', (more) => (clear += more.length))
          socket.write('N')
          return
        }
        socket.write('S')
        const secureContext = createSecureContext(pki)
        const tls = new TLSSocket(socket, { isServer: true, secureContext })
        tls.on('error', () => {})
        tls.on('data', (bytes) => {
          sealed += bytes.toString('latin1')
          tls.destroy()
        })
      })
    })
    server.listen(0, host)
    await once(server, 'listening')
    port = (server.address() as AddressInfo).port
  }
  afterEach(() => server.close())
  const open = (ca: string, parameters = ''): Promise<unknown> => {
    const url = `postgresql://someone:the-password@${host}:${port}/shop${parameters}`
    return openPostgres({ url, ca, applicationName: 'test' })
  }

  test.each(['', '?sslmode=disable', '?sslmode=no-verify', '?ssl=false'])(
    'is not talked to where it has no TLS %s',
    async (parameters) => {
      await listen()
      await expect(open(good.ca, parameters)).rejects.toThrow(/does not support SSL/)
      expect(clear).toBe(SSL_REQUEST_BYTES)
    },
  )

  test.each(['', '?sslmode=no-verify', '?sslmode=disable', '?ssl=no-verify'])(
    'is not talked to where its certificate is of others, or for another name %s',
    async (parameters) => {
      await listen(other)
      await expect(open(good.ca, parameters)).rejects.toThrow(/certificate|signature|issuer/i)
      server.close()
      await listen(wrongName)
      await expect(open(wrongName.ca, parameters)).rejects.toThrow(/does not match|altnames/i)
      expect([clear, sealed]).toEqual([SSL_REQUEST_BYTES, ''])
    },
  )

  test('is talked to under TLS when it is who it should be', async () => {
    await listen(good)
    await expect(open(good.ca)).rejects.toThrow()
    expect(sealed).toContain('someone')
    expect(sealed).not.toContain('the-password')
    expect(clear).toBe(SSL_REQUEST_BYTES)
  })
})
