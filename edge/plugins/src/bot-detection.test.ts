import { expect, test } from 'vitest'
import { botDetection } from './bot-detection.ts'
import { FakeRequest } from './testing/exchange.ts'
import { access, instanceOf } from './testing/run.ts'

const as = (agent: string, config: Record<string, unknown> = {}) =>
  access(instanceOf(botDetection, config), new FakeRequest({ headers: ['User-Agent', agent] }))

test.each([
  ['Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)', true],
  ['facebookexternalhit/1.1', true],
  ['Scrapy/2.11 (+https://scrapy.org)', true],
  ['python-requests/2.32', true],
  ['Mozilla/5.0 (X11; Linux x86_64) Chrome/142.0 Safari/537.36', false],
  ['Mozilla/5.0 (Linux; Android 13; CUBOT_X70) Mobile', false],
  ['curl/8.9', false],
  ['', false],
])('%s', async (agent, isBot) => {
  const refusal = await as(agent)
  expect(refusal?.status).toBe(isBot ? 403 : undefined)
  expect(refusal?.facts.message).toBe(isBot ? 'Forbidden' : undefined)
})

test('allow goes before deny, and both before the list of common ones', async () => {
  const config = { allow: ['Googlebot', '^good'], deny: ['curl', 'bad'] }
  expect(await as('Googlebot/2.1', config)).toBeUndefined()
  expect(await as('good and bad', config)).toBeUndefined()
  expect((await as('curl/8.9', config))?.status).toBe(403)
})

test('an instance remembers without mixing up', async () => {
  const instance = instanceOf(botDetection, { deny: ['^curl'] })
  const ask = (agent: string) =>
    access(instance, new FakeRequest({ headers: ['user-agent', agent] }))
  for (const _ of [1, 2]) {
    expect((await ask('curl/8'))?.status).toBe(403)
    expect(await ask('not curl')).toBeUndefined()
  }
})

test('two User-Agents are a mistake of the client; none is nobody', async () => {
  const instance = instanceOf(botDetection)
  const two = await access(
    instance,
    new FakeRequest({ headers: ['User-Agent', 'a', 'user-agent', 'b'] }),
  )
  expect([two?.status, two?.facts.message]).toEqual([400, 'Only one User-Agent header allowed'])
  expect(await access(instance, new FakeRequest())).toBeUndefined()
})

test('A19: a pattern that is exponential elsewhere is not here', async () => {
  const refusal = await as(`${'a'.repeat(1_000)}!`, { deny: ['^(a+)+$', '^(a|a)*!$'] })
  expect(refusal?.status).toBe(403)
})

test('deprecated names are taken; a pattern that cannot be compiled is a mistake', () => {
  expect(botDetection.schema.parse({ whitelist: ['a'], blacklist: ['b'] })).toEqual({
    ...{ allow: ['a'], deny: ['b'] },
  })
  expect(botDetection.schema.parse({})).toEqual({ allow: [], deny: [] })
  const { error } = botDetection.schema.safeParse({ deny: ['(?<!a)b'] })
  expect(error?.issues[0]?.message).toBe('not a valid regex: (?<!a)b')
})
