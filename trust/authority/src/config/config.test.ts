import { randomBytes } from 'node:crypto'
import { ConfigError } from '@countersign/ground/config'
import { describe, expect, it } from 'vitest'
import { readConfig } from './config.ts'

const good = {
  AUTHORITY_FOLDER: '/pki',
  AUTHORITY_JOIN_LISTEN: '127.0.0.1:0',
  COUNTERSIGN_MASTER_KEY: randomBytes(32).toString('base64url'),
}
const mistakesOf = (env: Record<string, string>): readonly string[] => {
  try {
    readConfig(env)
  } catch (error) {
    if (error instanceof ConfigError) return error.mistakes
    throw error
  }
  return []
}

describe('the settings of an authority', () => {
  it('have defaults where something sensible can be said', () => {
    expect(readConfig(good)).toMatchObject({
      leafLifetimeSeconds: 3_600,
      peers: [],
      kubernetes: undefined,
      publicNames: ['localhost', '127.0.0.1', '::1'],
    })
    const more = {
      AUTHORITY_LEAF_TTL: '60',
      AUTHORITY_PEERS: '127.0.0.1:1,127.0.0.1:2',
      AUTHORITY_PUBLIC_NAMES: 'a.example, 10.0.0.1',
    }
    expect(readConfig({ ...good, ...more })).toMatchObject({
      leafLifetimeSeconds: 60,
      peers: [
        { host: '127.0.0.1', port: 1 },
        { host: '127.0.0.1', port: 2 },
      ],
      publicNames: ['a.example', '10.0.0.1'],
    })
  })

  it('are refused where an issuer would not outlast what is below it', () => {
    const ttl = (intermediate: string, root = '3600000') =>
      mistakesOf({ ...good, AUTHORITY_INTERMEDIATE_TTL: intermediate, AUTHORITY_ROOT_TTL: root })
    expect(ttl('14400')).toEqual([])
    expect(ttl('14399')).toEqual([
      'AUTHORITY_INTERMEDIATE_TTL is less than 4 times AUTHORITY_LEAF_TTL',
    ])
    expect(ttl('14400', '14399')).toEqual([
      'AUTHORITY_ROOT_TTL is less than AUTHORITY_INTERMEDIATE_TTL',
    ])
  })

  it('report all mistakes at once, and show no key', () => {
    const mistakes = mistakesOf({
      AUTHORITY_LEAF_TTL: '19',
      AUTHORITY_PEERS: 'a',
      AUTHORITY_PUBLIC_NAMES: '*',
      COUNTERSIGN_MASTER_KEY: 'hunter2',
    })
    expect(mistakes.map((each) => each.split(/[: ]/)[0])).toEqual([
      'AUTHORITY_FOLDER',
      'AUTHORITY_JOIN_LISTEN',
      'AUTHORITY_LEAF_TTL',
      'AUTHORITY_PEERS',
      'AUTHORITY_PUBLIC_NAMES',
      'COUNTERSIGN_MASTER_KEY',
    ])
    expect(mistakes.join()).not.toContain('hunter2')
    expect(mistakesOf({ ...good, AUTHORITY_LEAF_TTL: '86401' })).toHaveLength(1)
    expect(mistakesOf({ ...good, AUTHORITY_LEAF_TTL: 'x' })).toHaveLength(1)
  })
})
