import { spiffeId } from '@countersign/ground/spiffe'
import { createRoot, generateKeyPair } from '@countersign/ground/x509'
import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { COLLECTIONS, type Entity } from '../collections.ts'
import type { World } from '../state/build-entity.ts'
import { EMPTY_STATE, type KongState } from '../state/state.ts'
import { testPlugins } from '../testing/plugins.ts'
import { exportDeclarative } from './export.ts'
import { loadDeclarative } from './load.ts'
import { DeclarativeError } from './mistakes.ts'

const world = (now = 1_700_000_000_000): World => ({
  plugins: testPlugins,
  now,
  newId: randomUUID,
  newSecret: () => 'x'.repeat(32),
})
const load = (text: string, before: KongState = EMPTY_STATE, now?: number): KongState =>
  loadDeclarative(text, 'kong.yml', { world: world(now), before })
const write = (state: KongState): string =>
  exportDeclarative(state, { plugins: testPlugins, secret: (secret) => secret })
const wrong = (text: string): DeclarativeError => {
  try {
    load(text)
  } catch (error) {
    if (error instanceof DeclarativeError) return error
    throw error
  }
  throw new Error('was accepted')
}
const plain = (state: KongState): Record<string, Entity[]> =>
  Object.fromEntries(
    COLLECTIONS.map((name) => [
      name,
      [...(state.get(name)?.values() ?? [])].sort((a, b) => (a.id < b.id ? -1 : 1)),
    ]),
  )
const all = (state: KongState, name: (typeof COLLECTIONS)[number]): Entity[] => [
  ...(state.get(name)?.values() ?? []),
]
const named = (state: KongState, name: (typeof COLLECTIONS)[number], key: string): any =>
  all(state, name).find((each) => each.name === key || each.username === key || each.target === key)

async function certificate(name: string): Promise<{ cert: string; key: string }> {
  const keys = await generateKeyPair()
  const now = Date.now()
  const span = { notBefore: now - 1_000, notAfter: now + 86_400_000 }
  const cert = createRoot({
    trustDomainId: spiffeId('test.local'),
    commonName: name,
    keys,
    span,
    pathLength: 1,
  })
  return { cert, key: keys.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() }
}
const indent = (pem: string): string => pem.trim().replaceAll(/^/gm, '      ')
const [tls, ca] = [await certificate('tls'), await certificate('ca')]
const text = (file: string): string =>
  readFileSync(join(import.meta.dirname, '../testdata', file), 'utf8')
    .replace('{{cert}}', indent(tls.cert))
    .replace('{{key}}', indent(tls.key))
    .replace('{{ca}}', indent(ca.cert))

const FILES = ['nested-3.0.yml', 'flat-2.1.yml', 'old-1.1.yml', 'certificates-3.0.yml', 'flat.json']

describe('every shape of a configuration', () => {
  test.each(FILES)('%s loads, is exported, and loads again to the same', (file) => {
    const once = load(text(file), EMPTY_STATE, Date.now())
    const again = load(write(once), EMPTY_STATE, Date.now())
    const timeless = (state: KongState) =>
      JSON.parse(
        JSON.stringify(plain(state), (key, value) =>
          /^(created|updated)_at$/.test(key) ? undefined : value,
        ),
      )
    expect(timeless(again)).toEqual(timeless(once))
    expect(write(again)).toBe(write(once))
  })

  test.each(FILES)('%s loaded over itself changes nothing, not even a time', (file) => {
    const once = load(text(file), EMPTY_STATE, Date.now())
    const again = load(text(file), once, Date.now() + 3_600_000)
    for (const name of COLLECTIONS)
      for (const [id, entity] of again.get(name) ?? []) expect(entity).toBe(once.get(name)?.get(id))
  })

  test('has nested entities belong to what they stand in', () => {
    const state = load(text('nested-3.0.yml'))
    const service = named(state, 'services', 'my-service')
    const route = named(state, 'routes', 'my-route')
    expect(route).toMatchObject({
      service: { id: service.id },
      paths: ['/shop', '~/shop/(?<id>\\d+)$'],
    })
    expect(service).toMatchObject({
      protocol: 'https',
      host: 'example.com',
      port: 443,
      path: '/base',
    })
    const plugins = all(state, 'plugins').map(
      ({ name, service: of, route: at, consumer, config }: any) => ({
        name,
        of: of?.id,
        at: at?.id,
        consumer: consumer?.id,
        redis: config.redis?.host,
      }),
    )
    const alice = named(state, 'consumers', 'alice')
    expect(plugins).toEqual(
      expect.arrayContaining([
        {
          name: 'rate-limiting',
          of: service.id,
          at: undefined,
          consumer: undefined,
          redis: 'cache',
        },
        { name: 'key-auth', of: undefined, at: route.id, consumer: undefined, redis: undefined },
        { name: 'rate-limiting', of: service.id, at: undefined, consumer: alice.id, redis: null },
        { name: 'prometheus', of: undefined, at: undefined, consumer: undefined, redis: undefined },
      ]),
    )
    expect(all(state, 'keyauth_credentials').map(({ key }) => key)).toEqual([
      'alice-key-one',
      'alice-key-two',
    ])
    expect(all(state, 'targets').map(({ target }) => target)).toEqual([
      '10.0.0.1:8000',
      '10.0.0.2:8000',
      '[::1]:9000',
    ])
    expect(named(state, 'upstreams', 'my-upstream').healthchecks.active).toMatchObject({
      http_path: '/healthz',
      timeout: 1,
      healthy: { interval: 5, successes: 2, http_statuses: [200, 302] },
    })
  })

  test('gives the ids that Kong gives, and no id tells a secret', () => {
    // Kong: uuid v5 of the name, in a namespace that is the uuid v5 of the collection.
    expect(
      named(
        load('{_format_version: "3.0", services: [{name: my-service, host: a}]}'),
        'services',
        'my-service',
      ).id,
    ).toBe('0855b320-0dd2-547d-891d-601e9b38647f')
    const one = load(text('flat-2.1.yml'))
    const other = load(text('flat-2.1.yml').replace('carol-key-0123456789', 'another-key-of-hers'))
    expect(all(other, 'keyauth_credentials')[0]?.id).toBe(all(one, 'keyauth_credentials')[0]?.id)
  })

  test('before 3.0 takes what looks like a regular expression for one', () => {
    const state = load(text('flat-2.1.yml'))
    expect(named(state, 'routes', 'plain').paths).toEqual(['/plain/path'])
    expect(named(state, 'routes', 'looks-like-a-regex').paths).toEqual(['~/items/\\d+', '~/a/.*'])
    expect(named(load(text('old-1.1.yml')), 'routes', 'example-route').paths).toEqual([
      '/echo',
      '~/v\\d+/echo',
    ])
    expect(
      wrong('{_format_version: "3.0", routes: [{name: r, paths: ["/items/\\\\d+"]}]}').lines,
    ).toEqual([expect.stringMatching(/^kong.yml:1: routes.0.paths.0: invalid path: /)])
  })

  test('keeps certificates, their names and the roots that a plugin names by tag', () => {
    const state = load(text('certificates-3.0.yml'), EMPTY_STATE, Date.now())
    const [tlsCertificate] = all(state, 'certificates')
    expect(all(state, 'snis').map(({ name, certificate: of }: any) => [name, of.id])).toEqual([
      ['example.com', tlsCertificate?.id],
      ['*.example.org', tlsCertificate?.id],
    ])
    expect(all(state, 'ca_certificates')[0]?.cert_digest).toMatch(/^[0-9a-f]{64}$/)
    const sealed = exportDeclarative(state, {
      plugins: testPlugins,
      secret: (secret) => `cs1.${secret.length}`,
    })
    expect(sealed).not.toContain('PRIVATE KEY')
    expect(() => load(sealed)).toThrow(DeclarativeError)
  })
})

describe('a configuration that is wrong', () => {
  test('is refused with every mistake at once, each with file and line', () => {
    const error = wrong(`_format_version: "3.0"
extra: 1
services:
  - name: a b
    host: x
    routes:
      - name: r
        paths: ["~/(?=a)"]
        plugins:
          - name: nonsense
      - name: r
        paths: [/a]
consumers:
  - custom_id: x
    jwt_secrets: [{ algorithm: HS256 }]
routes:
  - name: lost
    service: nowhere
    paths: [/x]
`)
    // In the order in which entities are built: what is named comes before what names it.
    expect(error.lines).toEqual([
      'kong.yml:2: extra: unknown field',
      expect.stringMatching(/^kong.yml:4: services.0.name: invalid value 'a b'/),
      expect.stringMatching(
        /^kong.yml:8: services.0.routes.0.paths.0: invalid regex: .*RE2 returned/,
      ),
      "kong.yml:11: services.0.routes.1: uniqueness violation: 'routes' entity with name set to 'r' already declared",
      "kong.yml:18: routes.0.service: invalid reference 'service: nowhere' (no such entry in 'services')",
      'kong.yml:15: consumers.0.jwt_secrets.0.key: required field missing',
      'kong.yml:15: consumers.0.jwt_secrets.0.secret: required field missing',
      expect.stringMatching(/^kong.yml:10: .*plugins.0.name: plugin 'nonsense' not enabled/),
    ])
  })

  test("says in Kong's flattened form what is wrong with which entity, and shows no secret", () => {
    const error = wrong(`_format_version: "3.0"
certificates: [{ cert: x, key: private-thing, tags: [a] }]
services:
  - name: s
    host: x
    retries: many
    tags: [t]
    routes: [{ name: r }]
`)
    expect(error.flatBody).toMatchObject({
      code: 14,
      name: 'invalid declarative configuration',
      fields: {},
    })
    expect(error.flattened).toEqual([
      expect.objectContaining({
        entity_type: 'certificate',
        entity_tags: ['a'],
        errors: [
          { type: 'field', field: 'cert', message: 'invalid certificate' },
          { type: 'field', field: 'key', message: 'invalid key' },
        ],
      }),
      {
        entity_type: 'service',
        entity_name: 's',
        entity_tags: ['t'],
        entity: { name: 's', host: 'x', retries: 'many', tags: ['t'] },
        errors: [{ type: 'field', field: 'retries', message: 'expected an integer' }],
      },
      {
        entity_type: 'route',
        entity_name: 'r',
        entity: { name: 'r' },
        errors: [
          { type: 'entity', message: expect.stringMatching(/^must set one of 'methods', 'hosts'/) },
        ],
      },
    ])
    expect(JSON.stringify(error.flatBody)).not.toContain('private-thing')
    expect(error.fields).toMatchObject({
      services: [{ retries: 'expected an integer', routes: [{}] }],
    })
  })

  test.each([
    ['no YAML', 'a: [', /^kong.yml:1: /],
    ['a key twice', '_format_version: "3.0"\na: 1\na: 2', /^kong.yml:3: Map keys must be unique/],
    ['aliases', '_format_version: "3.0"\na: &x [1]\nb: *x', /aliases are not allowed/],
    ['mere text', 'hello', /expected a record/],
    ['no version', 'services: []', /_format_version: required field missing/],
    ['another version', '_format_version: "4.0"', /expected one of: 1.1, 2.1, 3.0/],
    [
      'a list that is none',
      '{_format_version: "3.0", services: {}}',
      /services: expected an array/,
    ],
    [
      'one name twice',
      '{_format_version: "3.0", consumers: [{username: a, id: 11111111-1111-4111-8111-111111111111},{username: a}]}',
      /uniqueness violation: 'consumers' entity with username set to 'a' already declared/,
    ],
    [
      'a thing twice',
      '{_format_version: "3.0", consumers: [{username: a},{username: a}]}',
      /with username set to 'a' already declared/,
    ],
    [
      'a prototype',
      '{_format_version: "3.0", services: [{host: a, __proto__: {name: x}}]}',
      /__proto__: unknown field/,
    ],
  ])('with %s is refused', (_what, given, expected) => {
    expect(wrong(given).lines.join('\n')).toMatch(expected)
  })
})
