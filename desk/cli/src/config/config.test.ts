import { writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { temporaryFolder } from '@countersign/ground/testkit'
import { describe, expect, test } from 'vitest'
import { DeskError } from '../errors.ts'
import { readConfig } from './config.ts'
import { variableOf } from './settings.ts'

function refusalOf(read: () => unknown): DeskError {
  try {
    read()
  } catch (error) {
    if (error instanceof DeskError) return error
    throw error
  }
  throw new Error('was accepted')
}

describe('the configuration', () => {
  test('has defaults for everything', () => {
    using folder = temporaryFolder()
    const config = readConfig({}, folder.path)
    expect(config).toMatchObject({
      publicPort: 8443,
      adminPort: 8001,
      trustDomain: 'countersign.local',
      redis: 'auto',
    })
    expect(config['certificates.leafTtl']).toBe(3600)
    expect(Object.isFrozen(config)).toBe(true)
  })

  test('comes from the file, and the environment goes before it', () => {
    using folder = temporaryFolder()
    writeFileSync(
      join(folder.path, 'countersign.yaml'),
      'publicPort: 9443\ncertificates:\n  leafTtl: 60s\ntokens:\n  ttl: 2m\n',
    )
    const config = readConfig({ COUNTERSIGN_PUBLIC_PORT: '9444' }, folder.path)
    expect(config.publicPort).toBe(9444)
    expect(config['certificates.leafTtl']).toBe(60)
    expect(config['tokens.ttl']).toBe(120)
  })

  test('reports all mistakes at once, with file and line and what was meant', () => {
    using folder = temporaryFolder()
    writeFileSync(
      join(folder.path, 'countersign.yaml'),
      '# three mistakes\npublicPort: 99999\ntrustDomian: example.org\ncertificates:\n  leafTtl: soon\n',
    )
    const refusal = refusalOf(() => readConfig({}, folder.path))
    expect(refusal.exitCode).toBe(5)
    expect(refusal.message.split('\n')).toEqual([
      'the configuration has 3 mistakes:',
      '  - countersign.yaml:3: "trustDomian" is not a known key; did you mean "trustDomain"?',
      '  - countersign.yaml:2: publicPort is not a port from 1 to 65535',
      '  - countersign.yaml:5: certificates.leafTtl is not a duration such as "90s", "5m", "1h" or "30d"',
    ])
  })

  test('names the line of broken YAML and of a key that is there twice', () => {
    using folder = temporaryFolder()
    writeFileSync(join(folder.path, 'countersign.yaml'), 'redis: off\nredis: auto\ntokens: [1\n')
    const { message } = refusalOf(() => readConfig({}, folder.path))
    expect(message).toContain('countersign.yaml:2:')
    expect(message).toContain('countersign.yaml:4:')
  })

  test('says where a key belongs', () => {
    using folder = temporaryFolder()
    writeFileSync(
      join(folder.path, 'countersign.yaml'),
      'leafTtl: 1h\ntokens: 5m\nredis:\n  url: x\n',
    )
    const { message } = refusalOf(() => readConfig({}, folder.path))
    expect(message).toContain('"leafTtl" is not a known key; did you mean "certificates.leafTtl"?')
    expect(message).toContain('countersign.yaml:2: tokens is a group; it holds ttl')
    expect(message).toContain('countersign.yaml:3: redis is not a single value')
  })

  test('takes YAML booleans for the word that was written', () => {
    using folder = temporaryFolder()
    writeFileSync(join(folder.path, 'countersign.yaml'), 'redis: off\n')
    expect(readConfig({}, folder.path).redis).toBe('off')
  })

  test('reads secrets from files and prints no value', () => {
    using folder = temporaryFolder()
    const file = join(folder.path, 'url')
    writeFileSync(file, 'postgres://u:hunter2@db/orders\n')
    const config = readConfig({ COUNTERSIGN_DATABASES_ORDERS_FILE: file }, folder.path)
    expect(config['databases.orders']).toBe('postgres://u:hunter2@db/orders')
    writeFileSync(file, 'hunter2')
    const { message } = refusalOf(() =>
      readConfig(
        { COUNTERSIGN_DATABASES_ORDERS_FILE: file, COUNTERSIGN_REDIS: 'hunter2' },
        folder.path,
      ),
    )
    expect(message).toContain(
      'COUNTERSIGN_DATABASES_ORDERS_FILE: databases.orders is not an address',
    )
    expect(message).toContain('COUNTERSIGN_REDIS: redis is not "auto", "off" or an address')
    expect(message).not.toContain('hunter2')
  })

  test('wants TLS to a Redis on another machine', () => {
    using folder = temporaryFolder()
    const read = (url: string) => readConfig({ COUNTERSIGN_REDIS: url }, folder.path)
    expect(refusalOf(() => read('redis://cache.example.org')).message).toContain('rediss://')
    expect(read('rediss://cache.example.org').redis).toBe('rediss://cache.example.org')
    expect(read('redis://127.0.0.1:6379').redis).toBe('redis://127.0.0.1:6379')
    expect(refusalOf(() => read('redis://')).exitCode).toBe(5)
  })

  test('takes a number of gateways, or one for each core', () => {
    using folder = temporaryFolder()
    const read = (gateways: string) =>
      readConfig({ COUNTERSIGN_GATEWAYS: gateways }, folder.path).gateways
    expect(readConfig({}, folder.path).gateways).toBe(2)
    expect([read('1'), read('16')]).toEqual([1, 16])
    expect(read('cores')).toBe(Math.min(Math.max(availableParallelism(), 2), 16))
    writeFileSync(join(folder.path, 'countersign.yaml'), 'gateways: 3\n')
    expect(readConfig({}, folder.path).gateways).toBe(3)
  })

  test('finds files beside the configuration and misses those that are not there', () => {
    using folder = temporaryFolder()
    writeFileSync(join(folder.path, 'policy.yaml'), 'deny: []\n')
    writeFileSync(
      join(folder.path, 'countersign.yaml'),
      'policyFile: policy.yaml\nkongFile: no.yml\n',
    )
    const { message } = refusalOf(() => readConfig({}, folder.path))
    expect(message).toContain('countersign.yaml:2: kongFile: there is no file')
    expect(message).not.toContain('policyFile')
    const named = { COUNTERSIGN_POLICY_FILE: 'policy.yaml', COUNTERSIGN_KONG_FILE: 'policy.yaml' }
    expect(readConfig(named, folder.path).policyFile).toBe(join(folder.path, 'policy.yaml'))
  })

  test('takes networks for the gateway', () => {
    using folder = temporaryFolder()
    const file = join(folder.path, 'countersign.yaml')
    writeFileSync(file, 'gateway:\n  plainUpstreams: 10.0.0.0/8, fd00::/8\n')
    expect(readConfig({}, folder.path)['gateway.plainUpstreams']).toBe('10.0.0.0/8,fd00::/8')
    writeFileSync(file, 'gateway:\n  upstreamAllow: example.com\n')
    expect(() => readConfig({}, folder.path)).toThrow(
      /countersign.yaml:2: gateway.upstreamAllow is not a list of networks/,
    )
  })

  test('takes modules of plugins as a list, each beside the configuration', () => {
    using folder = temporaryFolder()
    const file = join(folder.path, 'countersign.yaml')
    for (const name of ['a.ts', 'b.ts']) writeFileSync(join(folder.path, name), '')
    writeFileSync(file, 'plugins: [./a.ts, b.ts]\n')
    const wanted = ['a.ts', 'b.ts'].map((name) => join(folder.path, name)).join(',')
    expect(readConfig({}, folder.path).plugins).toBe(wanted)
    writeFileSync(file, 'plugins:\n  - ./a.ts\n  - ./c.ts\n')
    const { message } = refusalOf(() => readConfig({}, folder.path))
    expect(message).toContain('countersign.yaml:1: plugins: there is no file')
    writeFileSync(file, 'audience: [a]\n')
    expect(refusalOf(() => readConfig({}, folder.path)).message).toContain('not a single value')
  })

  test('an explicit file has to be there', () => {
    using folder = temporaryFolder()
    expect(
      refusalOf(() => readConfig({ COUNTERSIGN_CONFIG: 'no.yaml' }, folder.path)).message,
    ).toContain('ENOENT')
  })

  test('takes the settings of certificates, in groups of groups', () => {
    using folder = temporaryFolder()
    writeFileSync(
      join(folder.path, 'countersign.yaml'),
      [
        'authorities: 3',
        'certificates:',
        '  intermediateTtl: 60s',
        '  leafTtl: 20s',
        '  rootTtl: 120s',
        '  outside:',
        '    ports: 14001, 14002,14003',
        '  acme:',
        '    names: example.org, lan',
        '    networks: 10.0.0.0/8,fd00::/8',
      ].join('\n'),
    )
    const config = readConfig({}, folder.path)
    expect(config.authorities).toBe(3)
    expect(config['certificates.outside.ports']).toBe('14001,14002,14003')
    expect(config['certificates.acme.names']).toBe('example.org,lan')
    expect(config['certificates.acme.networks']).toBe('10.0.0.0/8,fd00::/8')
    const { message } = refusalOf(() => readConfig({ COUNTERSIGN_AUTHORITIES: '2' }, folder.path))
    expect(message).toContain(
      'countersign.yaml:7: certificates.outside.ports must name one port for each of the 2',
    )
  })

  test('knows one place of the master key, and all that it needs', () => {
    using folder = temporaryFolder()
    writeFileSync(join(folder.path, 'file'), '')
    const refusal = (env: Record<string, string>) =>
      refusalOf(() => readConfig(env, folder.path)).message
    expect(
      refusal({ COUNTERSIGN_KMS: 'local', COUNTERSIGN_MASTER_PASSPHRASE_FILE: 'file' }),
    ).toContain('masterPassphraseFile and kms both say')
    const message = refusal({ COUNTERSIGN_KMS: 'pkcs11', COUNTERSIGN_KMS_MODULE: 'file' })
    for (const name of ['kmsToken', 'kmsKeyId', 'kmsPinFile'])
      expect(message).toContain(`${name} is missing; kms: pkcs11 needs it`)
    expect(message).not.toContain('kmsModule is')
    expect(refusal({ COUNTERSIGN_KMS_TOKEN: 'x' })).toContain('with kms: pkcs11 only')
    expect(refusal({ COUNTERSIGN_KMS: 'cloud' })).toContain('is not one of local, pkcs11')
  })

  test.each([
    ['COUNTERSIGN_AUTHORITIES', '0', 'is not between 1 and 5'],
    ['COUNTERSIGN_AUTHORITIES', '6', 'is not between 1 and 5'],
    ['COUNTERSIGN_GATEWAYS', '0', 'is not between 1 and 16'],
    ['COUNTERSIGN_GATEWAYS', '17', 'is not between 1 and 16'],
    ['COUNTERSIGN_GATEWAYS', 'many', 'is not a number, nor "cores"'],
    ['COUNTERSIGN_CERTIFICATES_INTERMEDIATE_TTL', '59s', 'is not between 60 s and'],
    ['COUNTERSIGN_CERTIFICATES_INTERMEDIATE_TTL', '10m', 'nothing outlives its issuer'],
    ['COUNTERSIGN_CERTIFICATES_ROOT_TTL', '30d', 'nothing outlives its issuer'],
    ['COUNTERSIGN_CERTIFICATES_ROTATION', 'yes', 'is not one of auto, manual'],
    ['COUNTERSIGN_CERTIFICATES_ACME_NETWORKS', '10.0.0.0/33', 'is not a list of networks'],
    ['COUNTERSIGN_CERTIFICATES_ACME_NETWORKS', '10.0.0.0', 'is not a list of networks'],
    ['COUNTERSIGN_CERTIFICATES_ACME_NAMES', 'a b', 'is not a list of host names'],
    ['COUNTERSIGN_CERTIFICATES_ACME_NAMES', '*.lan', 'is not a list of host names'],
    ['COUNTERSIGN_CERTIFICATES_ACME_RESOLVER', 'dns', 'is not a list of DNS servers'],
    ['COUNTERSIGN_CERTIFICATES_ACME_RESOLVER', '127.0.0.1:0', 'is not a list of DNS servers'],
    ['COUNTERSIGN_CERTIFICATES_ACME_REJECT_NONCES', '1.5', 'is not a number from 0 to 1'],
    ['COUNTERSIGN_KUBERNETES_ISSUER', 'https://k', 'kubernetes.accountsFile is missing'],
    ['COUNTERSIGN_KUBERNETES_JWKS_URL', 'http://k', 'is not an address that begins with https://'],
    ['COUNTERSIGN_CERTIFICATES_OUTSIDE_PORTS', '1,x', 'is not a list of ports'],
    ['COUNTERSIGN_CERTIFICATES_OUTSIDE_LISTEN', 'localhost', 'is not an IPv4 address'],
  ])('refuses %s=%s', (variable, value, fault) => {
    expect(refusalOf(() => readConfig({ [variable]: value }, '/nowhere')).message).toContain(fault)
  })

  test('names variables after paths', () => {
    expect(variableOf('certificates.leafTtl')).toBe('COUNTERSIGN_CERTIFICATES_LEAF_TTL')
    expect(variableOf('publicPort')).toBe('COUNTERSIGN_PUBLIC_PORT')
  })
})
