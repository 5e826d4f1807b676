import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { temporaryFolder, until } from '@countersign/ground/testkit'
import type { Plugin } from '@countersign/kong'
import { expect, it } from 'vitest'
import { z } from 'zod'
import type { Running } from '../testing/house.ts'
import { kongPlugin } from '../testing/kong-entities.ts'
import { open, service, usePluginHouse } from '../testing/use-plugin-house.ts'

/* What plugins of several gateways know together, through the public doors. */

/** Each ticket is good once: says what the store says of it. */
const tickets: Plugin = {
  ...{ name: 'tickets', priority: 900, schema: z.strictObject({}) },
  create: (_, { tools }) => ({
    async access(asked) {
      const body = await tools.fleet.putNew(asked.header('x-ticket') ?? '', '', 60_000)
      asked.answer({ status: 200, body })
    },
  }),
}
const t = usePluginHouse()
const hasRedis = spawnSync('redis-server', ['--version']).status === 0

async function doors(env: (index: number) => Record<string, string>, of = 2): Promise<Running[]> {
  await t.house.service('legacy-1')
  const made: Running[] = []
  for (let i = 0; i < of; i++) made.push(await t.house.gateway(env(i), [tickets]))
  const plugins = [kongPlugin('tickets', { route: open })]
  await t.house.configure({ services: [service], routes: [open], plugins })
  return made
}
const show = async (door: Running | undefined, ticket: string): Promise<string> => {
  if (door === undefined) throw new Error('there is a door')
  return (await t.at(door, '/open', { headers: { 'X-Ticket': ticket } })).body
}
const share = (index: number, of = 2) => ({
  GATEWAY_SHARE_INDEX: String(index),
  GATEWAY_SHARE_OF: String(of),
})

it.skipIf(!hasRedis)('is one for all where they have a Redis', async () => {
  using folder = temporaryFolder()
  const socket = join(folder.path, 'redis.sock')
  const settings = ['--port', '0', '--unixsocket', socket, '--save', '', '--dir', folder.path]
  const redis = spawn('redis-server', settings, { stdio: 'ignore' })
  const exited = once(redis, 'exit')
  try {
    const [one, other] = await doors((i) => ({ ...share(i), GATEWAY_REDIS_SOCKET: socket }))
    // A machine that is busy may make Redis seem to be away for a while.
    const known = async (door: Running | undefined): Promise<string> => {
      let said = 'away'
      await until(async () => {
        said = await show(door, 'a')
        return said !== 'away'
      }, 'Redis answers')
      return said
    }
    await known(one)
    expect([await known(other), await known(one)]).toEqual(['there', 'there'])
    redis.kill('SIGKILL')
    await exited
    await until(async () => (await show(one, 'a')) === 'away', 'the loss is seen')
  } finally {
    redis.kill('SIGKILL')
  }
})

it('is away where several have none', async () => {
  const [one, other] = await doors(share)
  expect([await show(one, 'a'), await show(other, 'a')]).toEqual(['away', 'away'])
})

it('is in memory where there is but one gateway', async () => {
  const [one] = await doors(() => share(0, 1), 1)
  expect([await show(one, 'a'), await show(one, 'a'), await show(one, 'b')]).toEqual([
    ...['young', 'there', 'young'],
  ])
})
