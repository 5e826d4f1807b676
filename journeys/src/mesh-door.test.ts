import { readFileSync } from 'node:fs'
import { request } from 'node:https'
import { connect as connectTcp } from 'node:net'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { sharedPlatform } from './support/shared.ts'

/* A service's own door, knocked at from inside the machine: nobody gets in beside the gateway's way. */
const platform = sharedPlatform()
let port = 0
const identity = (name: string): { key: Buffer; cert: Buffer; ca: Buffer } => {
  const file = (part: string): Buffer =>
    readFileSync(join(platform.home, 'run/identities', name, `${part}.pem`))
  return { key: file('key'), cert: file('cert'), ca: file('bundle') }
}

beforeAll(async () => {
  port = (await platform.processes()).find((each) => each.name === 'payment-1')?.port ?? 0
})
afterAll(() => platform.door.close())

describe('the port of a service', () => {
  test('answers plain HTTP with nothing', async () => {
    const heard = await new Promise<string>((done) => {
      let text = ''
      const socket = connectTcp(port, '127.0.0.1', () =>
        socket.write('GET /payments HTTP/1.1\r\nhost: x\r\n\r\n'),
      )
      socket.setEncoding('latin1').on('data', (chunk: string) => (text += chunk))
      socket.once('close', () => done(text)).once('error', () => done(text))
    })
    expect(heard).not.toContain('HTTP/')
  })

  test('ends the handshake of a client without a certificate with an alert', async () => {
    const { ca } = identity('desk')
    const ended = await new Promise<string>((done) => {
      let text = ''
      const socket = connectTls(
        { host: '127.0.0.1', port, ca, checkServerIdentity: () => undefined },
        () => socket.write('GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n'),
      )
      socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')))
      socket.once('error', (error: NodeJS.ErrnoException) => done(String(error.code)))
      socket.once('close', () => done(text === '' ? 'closed' : text))
    })
    expect(ended).toBe('ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED')
  })

  test('refuses a workload that the contract does not list, on record', async () => {
    const answer = await new Promise<{ status: number; text: string }>((done, fail) => {
      const sent = request(
        {
          ...identity('desk'),
          host: '127.0.0.1',
          port,
          path: '/payments/ping',
          checkServerIdentity: () => undefined,
          headers: { authorization: `Bearer ${token}` },
        },
        (response) => {
          let text = ''
          response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
          response.once('end', () => done({ status: response.statusCode ?? 0, text }))
        },
      )
      sent.once('error', fail).end()
    })
    expect(answer.status, answer.text).toBe(403)
    const problem = JSON.parse(answer.text)
    expect(problem.code).toBe('CALLER_FORBIDDEN')
    const explained = await platform.desk('explain', problem.requestId)
    expect(explained.code, explained.stderr).toBe(0)
    expect(explained.stdout).toContain('callers')
  })
  let token = ''
  beforeAll(async () => {
    token = await platform.token('customer')
  })
})
