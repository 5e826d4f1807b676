import { Agent } from 'node:https'
import { bundledPlugins } from '@countersign/plugins'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { House } from './testing/house.ts'
import { answerAsSuite } from './testing/http-cache/answer-as-suite.ts'
import { plainFetch } from './testing/http-cache/plain-fetch.ts'
import { runSuite } from './testing/http-cache/run-suite.ts'
import { kongPlugin, kongRoute, kongService } from './testing/kong-entities.ts'

const HANGS_UP =
  'its service hangs up; the suite takes any answer of a gateway, 502 too, for a stored one'
const NO_METHOD = 'M-SEARCH is no method that the gateway answers: 405'
/** Required cases of https://cache-tests.fyi that are not passed, each with its reason. */
const EXCEPTIONS: Readonly<Record<string, string>> = {
  'age-parse-prefix': 'wants "0,7200" used, against its own name and against age-parse-dup-0',
  'stale-close-must-revalidate': HANGS_UP,
  'stale-close-no-cache': HANGS_UP,
  'stale-close-proxy-revalidate': HANGS_UP,
  'stale-close-s-maxage=2': HANGS_UP,
  'headers-store-Set-Cookie': 'an answer with Set-Cookie is never stored (B22)',
  '304-etag-update-response-Set-Cookie': 'an answer with Set-Cookie is never stored (B22)',
  'headers-store-Transfer-Encoding':
    'its service says a transfer coding that there is not: refused',
  'invalidate-M-SEARCH': NO_METHOD,
  'invalidate-M-SEARCH-cl': NO_METHOD,
  'other-date-update': 'the door says of each answer when it was given',
}

let house: House
beforeEach(async () => {
  house = await House.build()
})
afterEach(() => house.close())

const configOf = (name: string, config: object): Record<string, unknown> =>
  bundledPlugins.find((plugin) => plugin.name === name)?.schema.parse(config)

test('passes what cache-tests.fyi requires of a cache', { timeout: 60_000 }, async () => {
  // Some cases have a service that fails on purpose, all at the same time: the breaker is none of the question.
  house.breakerNow = () => performance.now() * 1e6
  answerAsSuite(await house.service('suite-1'))
  const door = await house.gateway({}, bundledPlugins)
  const service = kongService('suite')
  const route = kongRoute(service, { paths: ['/'], strip_path: false, tags: ['public'] })
  await house.configure({
    services: [service],
    routes: [route],
    plugins: [
      kongPlugin('rate-limiting', { route }, configOf('rate-limiting', { second: 1_000_000 })),
      kongPlugin('proxy-cache', { route }, configOf('proxy-cache', CACHE)),
    ],
  })
  const base = `https://localhost:${door.port}`
  const agent = new Agent({ keepAlive: true, maxSockets: 64, ca: house.pki.bundle })
  const outcomes = await runSuite(base, plainFetch(agent))
  agent.destroy()
  const required = outcomes.get('required')
  // A case whose set-up failed says nothing of the cache: on a slow machine two seconds can pass between two requests.
  const failed = [...(required?.failed ?? [])].filter(([, why]) => !why.startsWith('Setup'))
  expect(failed.filter(([id]) => EXCEPTIONS[id] === undefined)).toEqual([])
  expect(required?.passed.length).toBeGreaterThan(100)
})
const CACHE = {
  strategy: 'memory',
  cache_control: true,
  content_type: ['*/*'],
  response_code: [200, 203, 204, 299, 301, 302, 303, 307, 308, 400, 404, 405, 410, 414, 499, 501],
}
