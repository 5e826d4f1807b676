import { describe, expect, it } from 'vitest'
import { bundledPlugins } from '@countersign/plugins'
import { NOTHING_NARROWED } from '@countersign/policy'
import { OPERATOR_BOUNDS } from '../../limits.ts'
import { kongConfig, kongPlugin, kongRoute, kongService } from '../../testing/kong-entities.ts'
import { identityMount, order } from '../../testing/contracts.ts'
import { compile } from './compile.ts'
import { judge } from './judge.ts'

const service = kongService('legacy')
const seed = kongRoute(service, { name: 'seed', paths: ['/seed'] })
const shut = kongRoute(service, { name: 'shut', paths: ['/shut'] })
const shop = kongRoute(service, { name: 'shop', hosts: ['shop.test'], tags: ['public'] })
const result = compile(
  kongConfig({
    services: [service],
    routes: [seed, shut, shop],
    plugins: [
      kongPlugin('jwt', { route: seed }),
      kongPlugin('acl', { route: seed }, { allow: ['admin'] }),
      kongPlugin('rate-limiting', { route: seed }, { second: 5 }),
      kongPlugin('request-termination', { route: shut }, { status_code: 503 }),
    ],
  }),
  [order, identityMount],
  { plugins: bundledPlugins, bounds: OPERATOR_BOUNDS, narrowing: NOTHING_NARROWED },
)

describe('a recorded request', () => {
  const judged = (at: string, roles?: string[]) => {
    if (!result.ok) throw new Error(result.faults.join('\n'))
    const [method = '', host = '', path = ''] = at.split(' ')
    const person = roles && {
      roles,
      id: 'p',
      name: undefined,
      clientId: undefined,
      tokenId: undefined,
    }
    const ourHosts = new Set(['localhost'])
    return judge(result.compiled, { method, host, path, person, ourHosts }, NOTHING_NARROWED)
  }
  // biome-ignore format: a table
  it.each([
    ['GET localhost /seed', ['admin'], 'pass', 2, /^route seed \(/],
    ['GET localhost /seed', ['clerk'], 'refuse', 4, /^plugin acl \(.*admin may pass; this was clerk/],
    ['GET localhost /seed', undefined, 'refuse', 4, /^plugin jwt \(.*route seed/],
    ['GET localhost /shut', ['admin'], 'answer', 5, /^plugin request-termination \(.*answers 503/],
    ['GET shop.test /orders', undefined, 'pass', 2, /^route shop .*no token needed/],
    ['GET localhost /orders', ['customer'], 'pass', 2, /^contract order\.list/],
    ['GET localhost /orders', ['guest'], 'refuse', 4, /^contract order\.list: roles are/],
    ['PUT localhost /orders', ['customer'], 'refuse', 4, /^only GET, POST$/],
    ['GET localhost /nowhere', ['customer'], 'refuse', 4, /^no route$/],
    ['GET localhost /auth/login', undefined, 'pass', 2, /^contract identity\.provider/],
  ] as const)('%s of %j', (at, roles, decision, statusClass, rule) => {
    expect(judged(at, roles && [...roles])).toMatchObject({
      ...{ decision, statusClass },
      rule: expect.stringMatching(rule),
    })
  })
  it('depends on what cannot be told from here', () => {
    expect(judged('GET localhost /seed', ['admin'])).toMatchObject({
      route: 'legacy-service.seed',
      depends: ['rate-limiting'],
    })
  })
})
