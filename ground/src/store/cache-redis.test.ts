import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { createLog } from '../telemetry/log.ts'
import { temporaryFolder, until } from '../testkit/index.ts'
import { readCacheTrial } from './cache.trial.ts'
import type { ReadCache } from './cache.ts'
import { createRedisCache } from './cache-redis.ts'

const installed = spawnSync('redis-server', ['--version']).status === 0
const folder = temporaryFolder()
const socketPath = join(folder.path, 'r.sock')
let server: ChildProcess | undefined

const account = { username: 'order', password: 'secret' }

function startServer(): void {
  const user = ['order', 'on', '>secret', '~order:*', '+get', '+set', '+client', '+hello', '+ping']
  server = spawn(
    'redis-server',
    ['--port', '0', '--unixsocket', socketPath, '--save', '', '--user', ...user],
    { cwd: folder.path, stdio: 'ignore' },
  )
}
async function stopServer(): Promise<void> {
  const running = server
  server = undefined
  if (running === undefined) return
  const stopped = new Promise((resolve) => running.once('exit', resolve))
  running.kill('SIGKILL')
  await stopped
}
const lines: string[] = []
const quiet = createLog({ service: 't', node: 't', level: 'silent' })
const heard = createLog({ service: 't', node: 't', destination: { write: (l) => lines.push(l) } })
const open = (ttlMs: number, log = quiet): Promise<ReadCache> =>
  createRedisCache({ ttlMs, socketPath, ...account, prefix: 'order:', log })
/** True when a second read of a new group is answered without a load. */
async function works(cache: ReadCache): Promise<boolean> {
  const slot = { group: `probe-${Math.random()}`, key: 'k' }
  await cache.read(slot, async () => 'first')
  return (await cache.read(slot, async () => 'second')) === 'first'
}
async function openReady(ttlMs: number, log = quiet): Promise<ReadCache> {
  const cache = await open(ttlMs, log)
  await until(() => works(cache), 'the cache is connected')
  return cache
}

describe.skipIf(!installed)('the Redis cache', () => {
  beforeAll(() => startServer())
  afterAll(async () => {
    await stopServer()
    folder[Symbol.dispose]()
  })
  readCacheTrial(openReady)

  test('is shared: what one instance forgets, no other hands out', async () => {
    const [a, b] = [await openReady(60_000), await openReady(60_000)]
    const slot = { group: 'shared', key: 'k' }
    await a.read(slot, async () => 'old')
    expect(await b.read(slot, async () => 'new')).toBe('old')
    await b.forget(['shared'])
    expect(await a.read(slot, async () => 'new')).toBe('new')
    await Promise.all([a.close(), b.close()])
  })

  test('a server that hangs costs a read a moment, then nothing', async () => {
    const cache = await openReady(60_000)
    server?.kill('SIGSTOP')
    const times: number[] = []
    for (let i = 0; i < 5; i++) {
      const began = performance.now()
      expect(await cache.read({ group: 'hang', key: `${i}` }, async () => i)).toBe(i)
      times.push(performance.now() - began)
    }
    server?.kill('SIGCONT')
    // The first one waits for the server; no other does, or each would take as long.
    expect(Math.min(...times.slice(1))).toBeLessThan((times[0] ?? 0) / 2)
    await until(() => works(cache), 'the cache is used again')
    await cache.close()
  })

  test('away: reads and forgets go on without an error, one line in the log, used again when it is back', async () => {
    const cache = await openReady(1_000, heard)
    await cache.read({ group: 'away', key: 'k' }, async () => 'old')
    lines.length = 0
    await stopServer()
    const load = vi.fn(async () => 'from the store')
    for (let i = 0; i < 3; i++)
      expect(await cache.read({ group: 'away', key: 'k' }, load)).toBe('from the store')
    expect(load).toHaveBeenCalledTimes(3)
    expect(lines.filter((line) => line.includes('bypassed'))).toHaveLength(1)
    expect(lines.join()).not.toContain('secret')
    startServer()
    await until(() => works(cache), 'the cache is used again')
    await cache.close()
  })

  test('a forget that did not arrive: nothing that may be old is believed', async () => {
    const cache = await openReady(60_000)
    const slot = { group: 'unsure', key: 'k' }
    await cache.read(slot, async () => 'old')
    server?.kill('SIGSTOP')
    await cache.forget(['unsure'])
    server?.kill('SIGCONT')
    await new Promise((resolve) => setTimeout(resolve, 1_200))
    expect(await cache.read(slot, async () => 'new')).toBe('new')
    await cache.close()
  })

  test('another machine without TLS is refused', async () => {
    const options = { ttlMs: 1, prefix: 'order:', log: quiet }
    await expect(
      createRedisCache({ ...options, url: 'redis://cache.example:6379' }),
    ).rejects.toThrow('rediss://')
  })
})
