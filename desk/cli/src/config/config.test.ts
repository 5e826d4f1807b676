import { writeFileSync } from 'node:fs'
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

  test('an explicit file has to be there', () => {
    using folder = temporaryFolder()
    expect(
      refusalOf(() => readConfig({ COUNTERSIGN_CONFIG: 'no.yaml' }, folder.path)).message,
    ).toContain('ENOENT')
  })

  test('names variables after paths', () => {
    expect(variableOf('certificates.leafTtl')).toBe('COUNTERSIGN_CERTIFICATES_LEAF_TTL')
    expect(variableOf('publicPort')).toBe('COUNTERSIGN_PUBLIC_PORT')
  })
})
