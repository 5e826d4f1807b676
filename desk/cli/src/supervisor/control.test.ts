import { statSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { temporaryFolder } from '@countersign/ground/testkit'
import { describe, expect, test } from 'vitest'
import { layoutOf } from '../home/layout.ts'
import { takeLock } from '../home/lock.ts'
import { prepareHome } from '../home/prepare.ts'
import { KEPT_PORT_MIN } from '../limits.ts'
import { askSupervisor } from './control-client.ts'
import { serveControl } from './control-server.ts'
import { requireFreePort, reservePorts } from './ports.ts'

describe('the control socket', () => {
  test('answers commands of the same user and passes refusals on', async () => {
    using folder = temporaryFolder()
    const layout = layoutOf(folder.path)
    await prepareHome(layout)
    const release = await takeLock(layout)
    const close = await serveControl(layout.control, async (request) => {
      if (request.op === 'join') throw new Error(`no ${request.name} today`)
      return { asked: request.op }
    })
    expect(statSync(layout.control).mode & 0o777).toBe(0o600)
    expect(await askSupervisor(layout, { op: 'status' })).toEqual({ asked: 'status' })
    await expect(
      askSupervisor(layout, { op: 'join', name: 'hello', number: 1 }),
    ).rejects.toMatchObject({
      message: 'no hello today',
      exitCode: 1,
    })
    await close()
    await expect(askSupervisor(layout, { op: 'status' })).rejects.toMatchObject({ exitCode: 3 })
    await release()
  })

  test('says that nothing runs where nothing runs', async () => {
    using folder = temporaryFolder()
    await expect(askSupervisor(layoutOf(folder.path), { op: 'status' })).rejects.toMatchObject({
      exitCode: 3,
      message: expect.stringContaining('countersign up'),
    })
  })

  test('survives what is not a request', async () => {
    using folder = temporaryFolder()
    const layout = layoutOf(folder.path)
    await prepareHome(layout)
    const close = await serveControl(layout.control, async () => 'fine')
    for (const line of ['', '{', '{"op":"rm -rf"}', '{"op":"join","name":"../x"}', '[]']) {
      expect(await send(layout.control, `${line}\n`)).toContain('"ok":false')
    }
    expect(await send(layout.control, '{"op":"status"}\n')).toContain('"fine"')
    expect(await send(layout.control, 'x'.repeat(2 * 1024 * 1024))).toBe('')
    await close()
  })
})

describe('ports', () => {
  test('are free, all different, and one platform’s alone until it gives them up', async () => {
    const reserved = await Promise.all([reservePorts(20), reservePorts(20), reservePorts(20)])
    const ports = reserved.flatMap((each) => each.ports)
    expect(new Set(ports).size).toBe(60)
    for (const port of ports) {
      await requireFreePort(port)
      expect(port).toBeLessThan(KEPT_PORT_MIN)
    }
    for (const { release } of reserved) await release()
  })

  test('that somebody has are left out, and where too few are left that is said', async () => {
    const blocks = { min: 31_000, size: 8, count: 2 }
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(31_003, '127.0.0.1', resolve))
    const other = await reservePorts(7, blocks)
    expect(other.ports).toEqual([31_009, 31_010, 31_011, 31_012, 31_013, 31_014, 31_015])
    const rest = await reservePorts(6, blocks)
    expect(rest.ports).toEqual([31_001, 31_002, 31_004, 31_005, 31_006, 31_007])
    await expect(reservePorts(1, blocks)).rejects.toMatchObject({
      exitCode: 6,
      message: expect.stringMatching(/^found no 1 free ports .* between 31000 and 31015\./),
    })
    await Promise.all([other.release(), rest.release()])
    await new Promise((resolve) => server.close(resolve))
  })

  test('that are taken are named with their holder', async () => {
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const address = server.address()
    const port = typeof address === 'object' && address !== null ? address.port : 0
    const holder = process.platform === 'linux' ? `\\(pid ${process.pid}\\)` : 'by'
    await expect(requireFreePort(port)).rejects.toMatchObject({
      exitCode: 6,
      message: expect.stringMatching(new RegExp(`^port ${port} is taken by .*${holder}`)),
    })
    await new Promise((resolve) => server.close(resolve))
  })
})

function send(path: string, text: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(path)
    let answer = ''
    socket.on('error', () => undefined)
    socket.on('data', (chunk) => {
      answer += String(chunk)
    })
    socket.on('close', () => resolve(answer))
    socket.write(text)
  })
}
