import { expect, test } from 'vitest'
import { isNearby } from './nearby.ts'

test.each(['/run/postgresql', 'localhost', '127.0.0.1', '127.9.9.9', '::1', '[::1]'])(
  '%s is this machine',
  (host) => expect(isNearby(host)).toBe(true),
)
test.each([
  '',
  'db',
  '127.0.0.1.example.com',
  '127.1',
  'localhost.example.com',
  '10.0.0.1',
  '0.0.0.0',
  '::',
])('%j is not', (host) => expect(isNearby(host)).toBe(false))
