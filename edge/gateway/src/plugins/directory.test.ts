import { expect, it } from 'vitest'
import { kongConfig, kongConsumer } from '../testing/kong-entities.ts'
import { createDirectory } from './directory.ts'

const alice = kongConsumer('alice', { custom_id: 'a-1', created_at: 1_000 })
const of = { ...alice, consumer: { id: alice.id } }
const directory = createDirectory(
  kongConfig({
    consumers: [alice],
    keyauth_credentials: [
      { ...of, id: 'k1', key: 'for ever', ttl: null },
      { ...of, id: 'k2', key: 'a while', ttl: 10 },
      { ...of, id: 'k4', key: 'no end', ttl: 0 },
      { ...of, id: 'k3', key: '__proto__', ttl: null, consumer: { id: 'gone' } },
    ],
    jwt_secrets: [
      { ...of, id: 'j', key: 'iss', secret: 's', rsa_public_key: null, algorithm: 'HS256' },
    ],
    acls: [{ ...of, id: 'a', group: 'readers' }],
    mtls_auth_credentials: [{ ...of, id: 'm', subject_name: 'a.test', ca_certificate: null }],
    ca_certificates: [{ ...alice, id: 'ca', cert: 'PEM', cert_digest: '', tags: ['ours'] }],
  }),
  () => now,
)
let now = 1_005_000

it('finds consumers by all that they have, and nobody else', () => {
  expect(
    [alice.id, 'alice', 'a-1', '__proto__'].map((each) => directory.consumer(each)?.id),
  ).toEqual([alice.id, alice.id, undefined, undefined])
  expect(directory.consumerByCustomId('a-1')).toBe(alice)
  expect(directory.jwtSecret('iss')?.consumer).toBe(alice)
  expect(directory.groups(alice.id).map(({ group }) => group)).toEqual(['readers'])
  expect(directory.mtlsAuth('a.test')).toHaveLength(1)
  expect(directory.mtlsAuth('constructor')).toEqual([])
  expect([directory.caCertificate('ca')?.id, directory.caCertificate('ours')?.id]).toEqual([
    'ca',
    'ca',
  ])
})

it('knows keys as long as they last, and none without its consumer', () => {
  const found = (key: string) => directory.keyAuth(key)?.credential.id
  expect([found('for ever'), found('a while'), found('a whil'), found('__proto__')]).toEqual([
    'k1',
    'k2',
    undefined,
    undefined,
  ])
  now = 1_010_000
  expect([found('a while'), found('no end')]).toEqual([undefined, 'k4'])
})
