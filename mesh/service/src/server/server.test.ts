import { connect as connectTls } from 'node:tls'
import { until } from '@countersign/ground/testkit'
import { describe, expect, test } from 'vitest'
import { elsewhere, payment, usePaymentDoor } from '../testing/payment-door.ts'
import { createTestDomain } from '../testing/pki.ts'
import { createTestWorkload } from '../testing/workload.ts'

/* The SDK's door, over real TLS. */
const my = usePaymentDoor()

describe('the door', () => {
  test('goes on through renewals of both sides, with calls under way', async () => {
    // A few at a time: that each finds a connection at once is not what is asked here.
    let made = 0
    const lane = async (): Promise<void> => {
      while (made < 200) {
        const i = made++
        if (i === 50) await (my.now.order.identity as any).renew()
        if (i === 100) await (my.now.door.identity as any).renew()
        const input = { params: { order: String(i) }, body: { amountMinor: 1 } }
        expect(await my.as('good.customer').charge(input)).toMatchObject({ id: `${i}:1` })
      }
    }
    const before = my.served
    await Promise.all(Array.from({ length: 8 }, lane))
    expect(my.served - before).toBe(200)
  })

  test('does not let in a certificate of another root, however alike', async () => {
    const other = await createTestDomain('test')
    const stranger = createTestWorkload('order', await other.identity('order'), {
      payment: () => [my.now.server.port],
    })
    await expect((stranger.call(payment) as any).rare()).rejects.toMatchObject({
      code: 'UNREACHABLE',
    })
  })

  test('is not believed by a caller who expected somebody else', async () => {
    const lost = createTestWorkload('order', my.now.order.identity, {
      user: () => [my.now.server.port],
    })
    await expect(lost.call(elsewhere('user')).get()).rejects.toMatchObject({
      code: 'UNREACHABLE',
      message: expect.stringContaining('service/user'),
    })
  })

  test('ends the handshake of a client without a certificate', async () => {
    const code = await new Promise((done) => {
      const socket = connectTls({
        port: my.now.server.port,
        host: '127.0.0.1',
        ca: my.now.domain.bundle,
        checkServerIdentity: () => undefined,
      })
      socket.on('data', () => undefined)
      socket.once('error', (error: NodeJS.ErrnoException) => done(error.code))
    })
    expect(code).toBe('ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED')
  })

  test('counts more than one credential, and paths that nobody declared, as refusals with a problem', async () => {
    const two = await my.raw({
      path: '/rare',
      headers: ['authorization', 'Bearer good.a', 'authorization', 'Bearer good.b', 'host', 'x'],
    })
    expect(two).toMatchObject({ status: 400, body: { code: 'REQUEST_INVALID' } })
    const nowhere = await my.raw({ path: '/no/such', headers: ['host', 'x'] })
    expect(nowhere).toMatchObject({ status: 404, body: { code: 'ROUTE_UNKNOWN' } })
    const customer = ['host', 'x', 'authorization', 'Bearer good.customer']
    const large = await my.raw({
      path: '/payments/1',
      method: 'POST',
      headers: [...customer, 'content-type', 'application/json'],
      body: JSON.stringify({ x: 'y'.repeat(100_000) }),
    })
    expect(large).toMatchObject({ status: 413, body: { code: 'BODY_TOO_LARGE' } })
    const text = await my.raw({
      path: '/payments/1',
      method: 'POST',
      headers: [...customer, 'content-type', 'text/plain'],
      body: 'x',
    })
    expect(text).toMatchObject({ status: 415, body: { code: 'MEDIA_TYPE' } })
    const broken = await my.raw({
      path: '/payments/1',
      method: 'POST',
      headers: [...customer, 'content-type', 'application/json'],
      body: '{"amountMinor":',
    })
    expect(broken).toMatchObject({ status: 400, body: { code: 'BODY_INVALID' } })
  })
})

test('a caller that goes away in the midst of its body is no fault of the service', async () => {
  const { key, chain } = my.now.order.identity.current()
  const socket = connectTls({
    ...{ port: my.now.server.port, host: '127.0.0.1', key, cert: chain, ca: my.now.domain.bundle },
    checkServerIdentity: () => undefined,
  })
  const head = 'POST /payments/1 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer good.customer\r\n'
  socket.write(`${head}Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{`)
  const before = my.now.door.events.length
  await until(() => my.now.door.events.length > before, 'the intent on record')
  socket.destroy()
  await until(() => my.now.door.events.length > before + 1, 'the outcome on record')
  expect(my.now.door.events.at(-1)).toMatchObject({
    status: 'refused',
    event: { code: 'REQUEST_INVALID' },
  })
})
