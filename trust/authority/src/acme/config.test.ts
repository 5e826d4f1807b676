import { ConfigError, readSettings } from '@countersign/ground/config'
import { describe, expect, it } from 'vitest'
import { acmeConfig, acmeShape } from './config.ts'

const read = (env: Record<string, string>) =>
  acmeConfig(readSettings(env, acmeShape), ['Test.local'])

describe('the settings of the ACME server', () => {
  it('ask for a binding, and reach what is public, where nothing is said', () => {
    expect(read({})).toMatchObject({
      ...{ bindingRequired: true, httpPort: 80, tlsPort: 443, rejectNonceShare: 0 },
      ...{ resolvers: [undefined], caaIdentities: [], lifetimeMs: 7 * 86_400_000 },
      networks: { public: true, listed: [] },
      names: { allowed: [], reserved: ['localhost', 'test.local'] },
    })
  })

  it('are lists divided by commas', () => {
    const config = read({
      AUTHORITY_ACME_NETWORKS: '127.0.0.0/8, ::1/128',
      AUTHORITY_ACME_NAMES: 'Acme.test,nas',
      AUTHORITY_ACME_RESOLVER: '127.0.0.1:5353,[::1]:53,system',
    })
    expect(config.networks).toMatchObject({ public: false, listed: [{ bits: 8 }, { bits: 128 }] })
    expect(config.names.allowed).toEqual(['acme.test', 'nas'])
    expect(config.resolvers).toEqual(['127.0.0.1:5353', '[::1]:53', undefined])
  })

  it('of nothing reach nothing', () => {
    expect(read({ AUTHORITY_ACME_NETWORKS: '' }).networks).toEqual({ public: false, listed: [] })
  })

  // biome-ignore format: a table
  it.each([
    ['AUTHORITY_ACME_BINDING',       'no'],
    ['AUTHORITY_ACME_NETWORKS',      '127.0.0.1'],
    ['AUTHORITY_ACME_NETWORKS',      'all'],
    ['AUTHORITY_ACME_NAMES',         '*.acme.test'],
    ['AUTHORITY_ACME_NAMES',         '127.0.0.1'],
    ['AUTHORITY_ACME_RESOLVER',      'dns.test'],
    ['AUTHORITY_ACME_RESOLVER',      ''],
    ['AUTHORITY_ACME_RESOLVER',      Array(5).fill('127.0.0.1').join()],
    ['AUTHORITY_ACME_TTL',           '59'],
    ['AUTHORITY_ACME_TTL',           '7776001'],
    ['AUTHORITY_ACME_TERMS',         'javascript:x'],
    ['AUTHORITY_ACME_REJECT_NONCES', '1.1'],
    ['AUTHORITY_ACME_HTTP_PORT',     '70000'],
  ])('%s is not %s', (name, value) => {
    expect(() => read({ [name]: value })).toThrow(ConfigError)
  })
})
