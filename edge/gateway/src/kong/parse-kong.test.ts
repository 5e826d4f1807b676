import { describe, expect, it } from 'vitest'
import { KongError } from './read-kong.ts'
import { parseKong } from './parse-kong.ts'

const mistakes = (text: string): readonly string[] => {
  try {
    parseKong(text, 'kong.yml')
    return []
  } catch (error) {
    if (error instanceof KongError) return error.mistakes
    throw error
  }
}

const GOOD = `
_format_version: "3.0"
plugins:
  - name: rate-limiting
    config: { minute: 60, limit_by: ip }
services:
  - name: orders-v1
    url: https://order:3000/v1
    plugins:
      - name: jwt
    routes:
      - name: list-orders
        paths: [/legacy/orders]
        methods: [GET, POST]
        plugins:
          - name: acl
            config: { allow: [admin, support] }
          - name: rate-limiting
            config: { second: 5, hour: 1000, policy: redis }
          - name: request-size-limiting
            config: { allowed_payload_size: 2, size_unit: kilobytes }
      - name: status
        paths: [/legacy/status, /status]
        strip_path: false
        hosts: [api.example.org]
        tags: [public]
  - name: payments
    host: payment
    path: /payments
    read_timeout: 5000
    routes:
      - name: pay
        paths: [/pay]
`

describe('a good kong.yml', () => {
  const routes = parseKong(GOOD, 'kong.yml')
  it('gives a route for each path', () => {
    expect(routes.map((each) => [each.prefix, each.route.label])).toEqual([
      ['/legacy/orders', 'order.listOrders'],
      ['/legacy/status', 'order.status'],
      ['/status', 'order.status'],
      ['/pay', 'payment.pay'],
    ])
  })
  it('reads the most specific plugins', () => {
    expect(routes[0]).toMatchObject({
      methods: ['GET', 'POST'],
      route: {
        service: 'order',
        origin: 'kong.yml:12',
        rewrite: { cut: 14, prefix: '/v1' },
        endpoint: {
          callers: ['gateway'],
          roles: ['admin', 'support'],
          bodyBytesMax: 2048,
          limit: {
            scope: 'person',
            windows: [
              { name: 'second', max: 5 },
              { name: 'hour', max: 1000 },
            ],
          },
        },
      },
    })
    expect(routes[1]?.route.endpoint.limit).toMatchObject({
      scope: 'address',
      windows: [{ name: 'minute', max: 60 }],
    })
  })
  it('requires a token everywhere but where "public" is written', () => {
    expect(routes.map((each) => each.route.endpoint.roles)).toEqual([
      ['admin', 'support'],
      'stranger',
      'stranger',
      'anyone',
    ])
  })
  it('takes host and path apart from url, and timeouts', () => {
    expect(routes[3]?.route).toMatchObject({
      service: 'payment',
      rewrite: { cut: 4, prefix: '/payments' },
      endpoint: { timeoutMs: 5000 },
    })
    expect(routes[1]?.route.rewrite).toEqual({ cut: 0, prefix: '/v1' })
  })
  it('may be empty', () => {
    expect(parseKong('_format_version: "1.1"', 'kong.yml')).toEqual([])
  })
})

describe('a bad kong.yml', () => {
  it('names every mistake at once, with its line', () => {
    expect(
      mistakes(`_format_version: "4"
consumers: []
services:
  - name: a
    url: http://order
    retries: 5
    routes:
      - name: one
        paths: [/a]
        protocol: https
        plugins:
          - name: mtls-auth
          - name: jwt
`),
    ).toEqual([
      'kong.yml:1: _format_version: must be "1.1", "2.1" or "3.0"',
      expect.stringMatching(
        /^kong.yml:12: services.0.routes.0.plugins.0.name: the plugin "mtls-auth" is not known here; known are/,
      ),
      'kong.yml:10: services.0.routes.0.protocol: this key is not known here',
      'kong.yml:6: services.0.retries: this key is not known here',
      'kong.yml:2: consumers: this key is not known here; people and their roles come from the identity provider',
    ])
  })
  it('names every mistake of meaning at once, too', () => {
    expect(
      mistakes(`_format_version: "3.0"
services:
  - name: a
    url: http://order
    routes:
      - name: one
        paths: ["/a/../b"]
        plugins:
          - { name: rate-limiting, config: { second: 9, hour: 3 } }
      - name: two
        paths: [/two]
        tags: [public]
        plugins: [{ name: acl, config: { allow: [admin] } }]
  - name: b
    host: Not_A_Name
    routes:
      - name: three
        paths: [/two, "~/x"]
        plugins:
          - { name: rate-limiting, config: { month: 3 } }
          - { name: request-size-limiting, config: { allowed_payload_size: 65 } }
`),
    ).toEqual([
      'kong.yml:4: services.0.url: must begin with https://: services are reached over mutual TLS',
      expect.stringMatching(
        /^kong.yml:6: services.0.routes.0: its rate-limiting allows less per hour than per second/,
      ),
      expect.stringMatching(/^kong.yml:7: services.0.routes.0.paths.0: ".a.*" is not a plain path/),
      'kong.yml:10: services.0.routes.1: has the tag "public" and yet asks for a token or a role',
      expect.stringMatching(/^kong.yml:10: services.0.routes.1: has no limit/),
      'kong.yml:15: services.1.host: the host must be the name of a service in the registry',
      'kong.yml:20: services.1.routes.0.plugins.0.config.month: this key is not known here',
      expect.stringMatching(/^kong.yml:17: services.1.routes.0: its rate-limiting names no second/),
      expect.stringMatching(/^kong.yml:18: services.1.routes.0.paths.1: "~.x" is not a plain path/),
    ])
  })
  const one = (route: string, service = 'url: https://order'): readonly string[] =>
    mistakes(`_format_version: "3.0"
plugins: [{ name: rate-limiting, config: { second: 5 } }]
services:
  - name: a
    ${service}
    routes:
      - { name: one, paths: [/one] }
      - ${route}
`)
  it.each([
    [
      'a path twice',
      '{ name: two, paths: [/one] }',
      /GET \* \/one\/ is claimed at kong.yml:7 already/,
    ],
    [
      'a name twice',
      '{ name: one, paths: [/two] }',
      /the name order.one is claimed at kong.yml:7 already/,
    ],
    [
      'a plugin twice',
      '{ name: two, paths: [/two], plugins: [{ name: jwt }, { name: jwt }] }',
      /jwt stands here twice/,
    ],
    [
      'HS256 secrets',
      '{ name: two, paths: [/two], plugins: [{ name: jwt, config: { secret_is_base64: true } }] }',
      /secret_is_base64: this key is not known/,
    ],
    [
      'deny lists',
      '{ name: two, paths: [/two], plugins: [{ name: acl, config: { deny: [a] } }] }',
      /deny: this key is not known/,
    ],
    ['no path', '{ name: two, paths: [] }', /paths: /],
    ['TRACE', '{ name: two, paths: [/two], methods: [TRACE] }', /methods.0: /],
    ['a wildcard host', '{ name: two, paths: [/two], hosts: ["*.a.b"] }', /without wildcards/],
    ['an encoded slash', '{ name: two, paths: ["/a%2fb"] }', /is not a plain path/],
    [
      'too large bodies',
      '{ name: two, paths: [/two], plugins: [{ name: request-size-limiting }] }',
      /more than 64 megabytes/,
    ],
  ])('refuses %s', (_what, route, expected) => {
    expect(one(route).join('\n')).toMatch(expected)
  })
  it.each([
    ['no upstream', 'tags: [x]', /needs either "url" or "host"/],
    ['two upstreams', 'url: https://order\n    host: order', /needs either "url" or "host"/],
    ['credentials in the url', 'url: https://a:b@order', /must not hold user/],
    ['an address', 'url: https://169.254.169.254', /must be the name of a service/],
    ['a host name', 'url: https://evil.example', /must be the name of a service/],
  ])('refuses %s', (_what, service, expected) => {
    expect(one('{ name: two, paths: [/two] }', service).join('\n')).toMatch(expected)
  })
  it('says where the text is no YAML, and takes no aliases', () => {
    expect(mistakes('a: [')[0]).toMatch(/^kong.yml:1: /)
    expect(mistakes('a: 1\na: 2')[0]).toMatch(/^kong.yml:2: Map keys must be unique/)
    expect(mistakes('a: &x [1]\nb: *x')[0]).toMatch(/aliases are not allowed/)
    expect(mistakes('just text')[0]).toMatch(/expected object/)
  })
})
