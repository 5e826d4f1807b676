import { expect, test } from 'vitest'
import { bundledPlugins } from './index.ts'

/** The least that each plugin wants, with deprecated spellings where it knows some. */
const LEAST: Readonly<Record<string, object>> = {
  'correlation-id': {},
  'http-log': { http_endpoint: 'https://logs/in', queue_size: 5, flush_timeout: 2 },
  opentelemetry: { endpoint: 'http://collector:4318/v1/traces', batch_span_count: 9 },
  prometheus: {},
  'proxy-cache': { strategy: 'memory' },
  'rate-limiting': { second: 5, policy: 'redis', redis_host: 'redis', redis_port: 6380 },
  'request-transformer': { add: { headers: ['a:b'] } },
  'response-transformer': { add: { json: ['a:1'], json_types: ['number'] } },
}

test('each name is there once', () => {
  const names = bundledPlugins.map(({ name }) => name)
  expect(new Set(names).size).toBe(names.length)
})

test('what was filled in is filled in to the same: it can be exported and loaded again', () => {
  for (const [name, least] of Object.entries(LEAST)) {
    const schema = bundledPlugins.find((plugin) => plugin.name === name)?.schema
    const filled = schema?.parse(least)
    expect(schema?.parse(JSON.parse(JSON.stringify(filled))), name).toEqual(filled)
  }
})

test('those that come before a consumer is known cannot be for one consumer, as in Kong', () => {
  const forOne = ({ scopes }: (typeof bundledPlugins)[number]): boolean =>
    scopes === undefined || scopes.includes('consumer')
  expect(
    bundledPlugins
      .filter((plugin) => !forOne(plugin))
      .map(({ name }) => name)
      .sort(),
  ).toEqual(['acl', 'bot-detection', 'cors', 'jwt', 'key-auth', 'mtls-auth', 'openid-connect'])
})
