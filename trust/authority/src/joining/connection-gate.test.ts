import { EventEmitter } from 'node:events'
import { connect, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { temporaryFolder, until } from '@countersign/ground/testkit'
import { joinTrustDomain } from '@countersign/service'
import { afterEach, beforeEach, expect, it } from 'vitest'
import {
  JOIN_ACTIVE_PER_ADDRESS,
  JOIN_CONNECTIONS_MAX,
  JOIN_CONNECTIONS_PER_ADDRESS,
} from '../limits.ts'
import { type Host, startHost } from '../testing/authority-host.ts'
import { createPki, type Pki, silent, TRUST_DOMAIN } from '../testing/test-pki.ts'
import { ConnectionGate } from './connection-gate.ts'

let temporary: ReturnType<typeof temporaryFolder>
let pki: Pki
let host: Host
let open: Socket[]
beforeEach(async () => {
  temporary = temporaryFolder()
  pki = await createPki(temporary.path)
  host = await startHost({ pki, instance: 'authority-1' })
  open = []
})
afterEach(async () => {
  for (const socket of open) socket.destroy()
  await host.close()
  temporary[Symbol.dispose]()
})

/** Connections that say nothing. */
function idle(count: number, localAddress: string): { closed: number } {
  const seen = { closed: 0 }
  for (let i = 0; i < count; i++) {
    const socket = connect({ ...host.door, localAddress })
    socket.on('error', () => undefined).once('close', () => void seen.closed++)
    open.push(socket)
  }
  return seen
}
async function join(): Promise<void> {
  const { token } = await host.mint('order')
  const identity = await joinTrustDomain({
    ...{ name: 'order', trustDomain: TRUST_DOMAIN, doors: [host.door], bundle: pki.root, token },
    ...{ renew: () => Promise.reject(new Error('away')), log: silent, waitMsMax: 30_000 },
  })
  identity.close()
}

it('an address that holds all its places keeps no other address out', async () => {
  const seen = idle(JOIN_ACTIVE_PER_ADDRESS + 200, '127.0.0.2')
  await join()
  // The join went past them: behind them it would come after two rounds that are cut off.
  expect(seen.closed).toBeLessThan(2 * JOIN_ACTIVE_PER_ADDRESS)
  // Then those that were let in are, and the next of that address have their turn.
  await until(() => seen.closed >= JOIN_ACTIVE_PER_ADDRESS, 'the silent ones are cut off', 35_000)
})

it('a connection that never asks is cut off, and its place is free again', async () => {
  const silentOnes = Array.from({ length: JOIN_ACTIVE_PER_ADDRESS }, () =>
    connectTls({ ...host.door, ca: pki.root, checkServerIdentity: () => undefined }),
  )
  let closed = 0
  for (const socket of silentOnes) {
    socket.on('error', () => undefined).once('close', () => void closed++)
    open.push(socket)
  }
  await until(() => closed === silentOnes.length, 'all are cut off', 30_000)
  await join()
  expect(await host.metrics.text()).toMatch(/refused_total\{kind="join",code="CONNECTIONS"\} 96/)
})

it('a few addresses that take all there is make room for others, and it stays bounded', async () => {
  const shed: Socket[] = []
  const gate = new ConnectionGate({ admit: () => undefined, onShed: () => undefined })
  const dial = (remoteAddress: string): Socket => {
    const socket = new EventEmitter() as Socket
    const destroy = () => {
      shed.push(socket)
      // As a real one does: later.
      setImmediate(() => socket.emit('close'))
    }
    Object.assign(socket, { remoteAddress, destroy })
    gate.take(socket)
    return socket
  }
  for (let i = 0; i < JOIN_CONNECTIONS_MAX; i++)
    dial(`10.0.0.${Math.floor(i / JOIN_CONNECTIONS_PER_ADDRESS)}`)
  expect(shed).toHaveLength(0)
  const others = Array.from({ length: 50 }, (_, i) => dial(`10.1.0.${i}`))
  expect(shed).toHaveLength(others.length)
  expect(shed.filter((socket) => others.includes(socket))).toEqual([])
  const greedy = dial('10.0.0.0')
  expect(shed.at(-1)).toBe(greedy)
  await new Promise(setImmediate)
  gate.close()
  gate.cutOff()
  expect(new Set(shed).size).toBe(JOIN_CONNECTIONS_MAX + others.length + 1)
})
