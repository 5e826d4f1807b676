import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { startRedis } from '@countersign/engines'
import { createLog } from '@countersign/ground/telemetry'
import { temporaryFolder, until } from '@countersign/ground/testkit'
import { openRedisFleetStore } from '@countersign/layers'
import { expect, it } from 'vitest'
import { redisUsers } from './redis-users.ts'

const hasRedis = spawnSync('redis-server', ['--version']).status === 0
const log = createLog({ service: 'test', node: 'test', destination: { write: () => {} } })

it.skipIf(!hasRedis)('lets gateways know things together, and no service see them', async () => {
  using folder = temporaryFolder()
  const users = redisUsers.map((user) => ({ ...user, password: `password-of-${user.name}-0123` }))
  const redis = await startRedis({
    ...{ folder: join(folder.path, 'redis'), socketPath: join(folder.path, 'run', 'redis.sock') },
    ...{ users, log },
  })
  if (redis === undefined) throw new Error('redis-server is gone from the PATH')
  const { socketPath } = redis
  const stores = await Promise.all(
    users.map(({ name, password }) =>
      openRedisFleetStore({ socketPath, username: name, password, timeoutMs: 30_000, log }),
    ),
  )
  try {
    const [gateway, ...services] = stores
    await until(async () => (await gateway?.get('a')) !== 'away', 'Redis answers')
    expect(await gateway?.putNew('a', 'text', 60_000)).toBe('young')
    expect(await gateway?.swap('a', 'text', { text: 'next', ttlMs: 60_000 })).toBe('done')
    expect(await gateway?.get('a')).toEqual({ text: 'next' })
    expect(services).toHaveLength(3)
    for (const store of services) expect(await store.get('a')).toBe('away')
  } finally {
    for (const store of stores) store.close()
    await redis.stop()
  }
})
