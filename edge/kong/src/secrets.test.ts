import { expect, test } from 'vitest'
import { HIDDEN, hideSecrets, keepHidden } from './secrets.ts'

const plugin = {
  config: {
    http_endpoint: 'https://user:pass-1@logs.test/in',
    plain_endpoint: 'https://logs.test/a@b',
    headers: { 'X-Api-Key': 'key-2', Cookie: 'session-3', Accept: 'text/plain' },
    add: { headers: ['Authorization:Bearer token-4', 'x-colour:red'] },
    upstream_access_token_header: 'authorization:bearer',
    redis: { password: 'word-5', host: 'redis' },
  },
}

test('secrets of plugins are hidden by name, in lists of headers and in URLs', () => {
  const hidden = hideSecrets('plugins', plugin)
  expect(hidden.config).toEqual({
    http_endpoint: HIDDEN,
    plain_endpoint: 'https://logs.test/a@b',
    headers: { 'X-Api-Key': HIDDEN, Cookie: HIDDEN, Accept: 'text/plain' },
    add: { headers: [HIDDEN, 'x-colour:red'] },
    upstream_access_token_header: 'authorization:bearer',
    redis: { password: HIDDEN, host: 'redis' },
  })
  // What was shown hidden can be sent back.
  expect(keepHidden('plugins', hidden, plugin)).toEqual(plugin)
})
