import { expect, it } from 'vitest'
import { checkHost } from './check-host.ts'

it.each([
  ['localhost', 'localhost'],
  ['LocalHost:8443', 'localhost'],
  ['127.0.0.1:8443', '127.0.0.1'],
  ['[::1]:8443', '[::1]'],
  ['api.example.org', 'api.example.org'],
])('takes %s as %s', (value, expected) => {
  expect(checkHost(['Accept', '*/*', 'hOsT', value])?.name).toBe(expected)
})

it.each([
  '',
  'localhost.',
  'local host',
  'user@localhost',
  'localhost:',
  'localhost:99999',
  'localhost:8443:1',
  'localhost/x',
  'localhost,evil',
  'localhost\u0000',
  '%6cocalhost',
  '::1',
  '[::1',
  'a'.repeat(300),
])('refuses %j', (value) => {
  expect(checkHost(['host', value])).toBeUndefined()
})

it('tells the port that is named, or that of the scheme', () => {
  expect(checkHost(['host', 'localhost:8443'])?.port).toBe(8443)
  expect(checkHost(['host', 'localhost:8443'])?.port).toBe(8443)
  expect(checkHost(['host', 'localhost'])?.port).toBe(443)
  expect(checkHost(['host', '[::1]'])?.port).toBe(443)
})

it('refuses none and two', () => {
  expect(checkHost(['accept', 'x'])).toBeUndefined()
  expect(checkHost(['host', 'localhost', 'Host', 'localhost'])).toBeUndefined()
})

it('takes time in proportion to its input', () => {
  const started = performance.now()
  for (let i = 0; i < 100; i++) checkHost(['host', `${'a-'.repeat(128)}!`])
  expect(performance.now() - started).toBeLessThan(10_000)
})
