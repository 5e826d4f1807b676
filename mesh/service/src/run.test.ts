import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { contract, endpoint, workloadId } from '@countersign/contract'
import { temporaryFolder, until } from '@countersign/ground/testkit'
import { parseCsr } from '@countersign/ground/x509'
import { afterEach, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { openDoor } from './identity/test-authority.fixture.ts'
import { EXIT_CERTIFICATE_LOST, type ProcessMessage } from './run.ts'
import { TRUST_DOMAIN } from './testing/pki.ts'
import { createTestWorkload } from './testing/workload.ts'
import { TestAuthorities } from './trust/test-authorities.fixture.ts'

/* A whole process: it joins, follows the authorities, and ends when its certificate is lost. */
const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})

async function start(): Promise<{
  authorities: TestAuthorities
  port: number
  exited: Promise<number | null>
  messages: ProcessMessage[]
  lineages: string[]
}> {
  const authorities = await TestAuthorities.open()
  const lineages: string[] = []
  const { root } = authorities.domain
  const sign = async (id: Parameters<typeof root.sign>[0], key: Parameters<typeof root.sign>[1]) =>
    authorities.issue(id, key)
  const door = await openDoor(
    { bundle: root.bundle, sign, answer: async (id, csr) => sign(id, parseCsr(csr).publicKey) },
    workloadId(TRUST_DOMAIN, 'authority'),
    async ({ csr }) => {
      const issued = authorities.sign('order', csr)
      lineages.push(authorities.lineageOf(issued))
      return { status: 201, body: issued }
    },
  )
  const folder = temporaryFolder()
  const seeds = authorities.seeds.map(({ name, host, port }) => `${name}=${host}:${port}`)
  const child: ChildProcess = fork(
    fileURLToPath(new URL('./testing/run-order.ts', import.meta.url)),
    {
      execArgv: ['--conditions=countersign:source', '--disable-warning=ExperimentalWarning'],
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      env: {
        COUNTERSIGN_TRUST_DOMAIN: TRUST_DOMAIN,
        COUNTERSIGN_JOIN: `127.0.0.1:${door.port}`,
        COUNTERSIGN_JOIN_TOKEN: 'one-time',
        COUNTERSIGN_TRUST_BUNDLE: root.bundle,
        COUNTERSIGN_SEEDS: seeds.join(','),
        COUNTERSIGN_STATE: folder.path,
      },
    },
  )
  const messages: ProcessMessage[] = []
  child.on('message', (message) => messages.push(message as ProcessMessage))
  const exited = new Promise<number | null>((resolve) => child.once('exit', resolve))
  closing.push(
    async () => {
      child.kill('SIGKILL')
      await exited
    },
    () => authorities.close(),
    () => door.server.close(),
    () => folder[Symbol.dispose](),
  )
  await until(
    () => messages.some(({ type }) => type === 'ready'),
    'a process that is ready',
    60_000,
  )
  const ready = messages.find((message) => message.type === 'ready')
  return { authorities, port: ready?.port ?? 0, exited, messages, lineages }
}

const order = contract('order', {
  live: endpoint({
    at: 'GET /readyz',
    callers: ['workloads'],
    roles: 'stranger',
    limit: '1/second per caller',
    reply: z.looseObject({ trust: z.looseObject({ sequence: z.int(), stale: z.boolean() }) }),
  }),
})

describe('a process', () => {
  test('shows at /readyz how it stands with the authorities', { timeout: 90_000 }, async () => {
    const { authorities, port } = await start()
    const identity = await authorities.domain.identity('prometheus')
    const caller = createTestWorkload('prometheus', identity, { order: () => [port] })
    closing.unshift(() => caller.close())
    const { trust } = await (caller.call(order) as any).live()
    expect(trust).toMatchObject({ sequence: 1, stale: false, revision: expect.any(String) })
    expect(Date.parse(trust.nextUpdate)).toBeGreaterThan(Date.now())
  })

  test('whose certificate was taken back ends with its own exit code, and says why', {
    timeout: 90_000,
  }, async () => {
    const { authorities, exited, messages, lineages } = await start()
    const [lineage = ''] = lineages
    authorities.change(({ revoked }) => void revoked.push({ lineage, until: Date.now() + 60_000 }))
    expect(await exited).toBe(EXIT_CERTIFICATE_LOST)
    expect(EXIT_CERTIFICATE_LOST).toBe(79)
    expect(messages.at(-1)).toEqual({
      type: 'failed',
      message: 'the certificate of this process was taken back',
    })
  })
})
