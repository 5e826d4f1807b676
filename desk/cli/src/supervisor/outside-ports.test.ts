import { readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { createLog } from '@countersign/ground/telemetry'
import { temporaryFolder } from '@countersign/ground/testkit'
import { describe, expect, test } from 'vitest'
import { readConfig } from '../config/config.ts'
import { layoutOf } from '../home/layout.ts'
import { prepareHome } from '../home/prepare.ts'
import { KEPT_PORT_MAX, KEPT_PORT_MIN } from '../limits.ts'
import { outsidePorts } from './outside-ports.ts'

const log = createLog({ service: 'desk', node: 'desk', level: 'silent' })

async function setUp(folder: string) {
  const layout = layoutOf(folder)
  await prepareHome(layout)
  const ports = (env: Record<string, string> = {}) =>
    outsidePorts({ config: readConfig(env, '/nowhere'), layout, log })
  return { layout, ports }
}

describe('the ports of the outside doors', () => {
  test('are chosen once and kept, also those of authorities that rest', async () => {
    using folder = temporaryFolder()
    const { ports } = await setUp(folder.path)
    const first = await ports({ COUNTERSIGN_AUTHORITIES: '3' })
    expect(Object.keys(first)).toEqual(['authority-1', 'authority-2', 'authority-3'])
    expect(new Set(Object.values(first)).size).toBe(3)
    for (const port of Object.values(first)) {
      expect(port).toBeGreaterThanOrEqual(KEPT_PORT_MIN)
      expect(port).toBeLessThanOrEqual(KEPT_PORT_MAX)
    }
    await ports()
    expect(await ports({ COUNTERSIGN_AUTHORITIES: '3' })).toEqual(first)
  })

  test('move only where somebody else has taken them, and when what was kept is damaged', async () => {
    using folder = temporaryFolder()
    const { ports, layout } = await setUp(folder.path)
    const first = await ports()
    const server = createServer()
    await new Promise<void>((resolve) =>
      server.listen(first['authority-1'], '127.0.0.1', () => resolve()),
    )
    const second = await ports()
    expect(second['authority-1']).not.toBe(first['authority-1'])
    expect(second['authority-2']).toBe(first['authority-2'])
    await new Promise((resolve) => server.close(resolve))
    expect(await ports()).toEqual(second)
    writeFileSync(layout.outsidePorts, '{"authority-1":"x"')
    expect(Object.keys(await ports())).toHaveLength(2)
    expect(JSON.parse(readFileSync(layout.outsidePorts, 'utf8'))).toEqual(await ports())
  })

  test('are those that are configured, and a taken one is named', async () => {
    using folder = temporaryFolder()
    const { ports } = await setUp(folder.path)
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()))
    const address = server.address()
    const taken = typeof address === 'object' && address !== null ? address.port : 0
    const env = { COUNTERSIGN_CERTIFICATES_OUTSIDE_PORTS: `${KEPT_PORT_MIN - 1},${taken}` }
    await expect(ports(env)).rejects.toMatchObject({
      exitCode: 6,
      message: expect.stringContaining(`port ${taken} is taken`),
    })
    await new Promise((resolve) => server.close(resolve))
    expect(await ports(env)).toEqual({ 'authority-1': KEPT_PORT_MIN - 1, 'authority-2': taken })
  })
})
