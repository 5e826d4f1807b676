import { randomBytes } from 'node:crypto'
import { ConfigError } from '@countersign/ground/config'
import { expect, test } from 'vitest'
import { readIdentitySettings } from './settings.ts'

const good = {
  IDENTITY_DATABASE_URL: 'postgresql://identity:pw@localhost/identity',
  COUNTERSIGN_ISSUER: 'https://localhost:8443/auth',
  COUNTERSIGN_MASTER_KEY: randomBytes(32).toString('base64url'),
  COUNTERSIGN_STATE: 'state',
}

test('settings have sensible defaults', () => {
  const settings = readIdentitySettings(good)
  expect(settings).toMatchObject({ audience: 'countersign', accessTokenSeconds: 300 })
})

test('all mistakes are told at once, and no value with them', () => {
  const secret = 'not-a-key-but-secret'
  try {
    readIdentitySettings({
      COUNTERSIGN_ISSUER: 'http://localhost/auth/',
      COUNTERSIGN_MASTER_KEY: secret,
      IDENTITY_ACCESS_TOKEN_TTL: '0',
    })
    expect.unreachable()
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError)
    const { mistakes, message } = error as ConfigError
    expect(mistakes).toHaveLength(5)
    for (const name of ['DATABASE_URL', 'ISSUER', 'MASTER_KEY', 'STATE', 'TTL']) {
      expect(message).toContain(name)
    }
    expect(message).not.toContain(secret)
  }
})

test.each([
  'http://localhost:8443/auth',
  'https://localhost:8443/auth/',
  'https://localhost:8443/',
  'https://localhost:8443/auth?x',
  'https://user@localhost:8443/auth',
])('%s is not an issuer', (issuer) => {
  expect(() => readIdentitySettings({ ...good, COUNTERSIGN_ISSUER: issuer })).toThrow(ConfigError)
})
