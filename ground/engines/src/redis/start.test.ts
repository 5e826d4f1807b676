import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, rmSync, statSync } from 'node:fs'
import { createConnection } from 'node:net'
import { dirname, join } from 'node:path'
import { temporaryFolder } from '@countersign/ground/testkit'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { testLog } from '../testlog.ts'
import { aclFile } from './acl.ts'
import { type Redis, startRedis } from './start.ts'

const found = hasRedis()
const users = [
  { name: 'gateway', password: 'gateway-password-0123', keys: 'limits:* shared:*' },
  { name: 'order', password: 'order-password-012345', keys: 'order:*' },
]
const { log, lines } = testLog()

function hasRedis(): boolean {
  try {
    execFileSync('redis-server', ['--version'])
    return true
  } catch {
    return false
  }
}

describe.skipIf(!found)('redis-server', () => {
  const temporary = temporaryFolder()
  const folder = join(temporary.path, 'redis')
  const socketPath = join(temporary.path, 'run', 'redis.sock')
  let redis: Redis

  const start = async (): Promise<Redis> => {
    const started = await startRedis({ folder, socketPath, users, log })
    if (started === undefined) throw new Error('redis-server is gone from the PATH')
    return started
  }
  beforeAll(async () => {
    redis = await start()
  })
  afterAll(async () => {
    await redis.stop()
    temporary[Symbol.dispose]()
  })
  const as = (user: number, ...commands: string[]): Promise<string[]> =>
    converse(redis.socketPath, [
      `AUTH ${users[user]?.name} ${users[user]?.password}`,
      ...commands,
    ]).then((replies) => replies.slice(1))

  test('answers its users on the socket, on their own keys', async () => {
    expect(await as(0, 'SET limits:a 1', 'INCR limits:a', 'GET shared:x')).toEqual([
      '+OK',
      ':2',
      '$-1',
    ])
    expect(await as(0, 'EVAL "return redis.call(\'incr\', KEYS[1])" 1 limits:a')).toEqual([':3'])
    expect(redis.why).toBe(`redis-server ${redis.version} found on the PATH`)
  })

  test.each([
    'GET order:1',
    "EVAL \"return redis.call('get', 'order:1')\" 0",
    'PUBLISH order:1 x',
    'SCAN 0',
    'KEYS *',
    'FLUSHALL',
    'CONFIG GET *',
    'ACL LIST',
    'DEBUG SLEEP 1',
    'FUNCTION LIST',
    'SHUTDOWN',
    'CLIENT LIST',
    'MONITOR',
  ])('refuses a user of other keys: %s', async (command) => {
    expect((await as(0, command))[0]).toMatch(/NOPERM|can't access|not allowed/)
  })

  test('refuses who has no name, and who has a wrong password', async () => {
    const [anonymous] = await converse(redis.socketPath, ['GET limits:a'])
    expect(anonymous).toMatch(/^-NOAUTH/)
    const [wrong] = await converse(redis.socketPath, ['AUTH gateway order-password-012345'])
    expect(wrong).toMatch(/^-WRONGPASS/)
  })

  test('listens on no TCP port, and its files are for us alone', () => {
    const inodes = execFileSync('sh', ['-c', `ls -l /proc/${redis.pid}/fd`]).toString()
    const tcp = readFileSync('/proc/net/tcp', 'utf8') + readFileSync('/proc/net/tcp6', 'utf8')
    const sockets = [...inodes.matchAll(/socket:\[(\d+)\]/g)].map((match) => match[1])
    expect(sockets.filter((inode) => new RegExp(`\\s${inode}\\s`).test(tcp))).toEqual([])
    expect(statSync(dirname(redis.socketPath)).mode & 0o077).toBe(0)
    for (const file of ['users.acl', 'redis.conf', 'redis.log']) {
      expect(statSync(join(folder, file)).mode & 0o077, file).toBe(0)
    }
  })

  test('a crash shows in exited; a new start takes the place over', async () => {
    process.kill(redis.pid ?? 0, 'SIGKILL')
    await redis.exited
    redis = await start()
    const old = redis
    redis = await start()
    await old.exited
    expect(await as(0, 'GET limits:a')).toEqual(['$-1'])
  })

  test('keeps no password on disk or in a log', () => {
    const text = [...lines, ...['users.acl', 'redis.conf', 'redis.log'].map(read)].join('\n')
    for (const user of users) expect(text).not.toContain(user.password)
  })
  const read = (file: string): string => readFileSync(join(folder, file), 'utf8')

  test('says what its log says when it cannot start', async () => {
    using other = temporaryFolder()
    const blocked = join(other.path, 'run', 'redis.sock')
    execFileSync('mkdir', ['-p', join(blocked, 'inside')])
    const wish = { folder: join(other.path, 'redis'), socketPath: blocked, users, log }
    await expect(startRedis(wish)).rejects.toThrow(/does not start in .*redis; its log ends/)
  })

  test('a path too long for a socket is put into the temporary folder', async () => {
    using other = temporaryFolder()
    const deep = join(other.path, 'x'.repeat(100), 'redis.sock')
    const wish = { folder: join(other.path, 'redis'), socketPath: deep, users, log }
    const started = await startRedis(wish)
    expect(started?.socketPath).not.toBe(deep)
    expect(existsSync(started?.socketPath ?? '')).toBe(true)
    await started?.stop()
    rmSync(dirname(started?.socketPath ?? ''), { recursive: true })
  })
})

test.each([
  { ...users[0], name: 'a b' },
  { ...users[0], name: 'default' },
  { ...users[0], keys: '' },
  { ...users[0], keys: 'a:* +@all' },
  { ...users[0], password: 'short' },
])('refuses a user that could say more than it should: %#', (user) => {
  expect(() => aclFile([user as (typeof users)[0] & { name: string }])).toThrow(
    /cannot be|key patterns|password/,
  )
})

/** Sends inline commands one by one and returns the first line of each answer. */
function converse(path: string, commands: readonly string[]): Promise<string[]> {
  return new Promise((resolve, reject) => {
    const replies: string[] = []
    const socket = createConnection(path)
    const next = (): void => {
      const command = commands[replies.length]
      if (command !== undefined) socket.write(`${command}\r\n`)
      else resolve(replies)
    }
    socket.once('connect', next).once('error', reject)
    socket.on('data', (data) => {
      replies.push(String(data).split('\r\n')[0] ?? '')
      if (replies.length === commands.length) socket.end()
      next()
    })
  })
}
