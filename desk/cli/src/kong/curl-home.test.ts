import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryFolder } from '@countersign/ground/testkit'
import { expect, test } from 'vitest'
import { ownCurlConfig, writeCurlHome } from './curl-home.ts'

test('the settings of curl read the person’s own first, and survive any path', async () => {
  using temporary = temporaryFolder()
  const folder = join(temporary.path, 'a "b" \\c')
  const own = join(temporary.path, 'own rc')
  const token = await writeCurlHome({ folder, url: 'http://127.0.0.1:81', key: 'csa_x', own })
  expect(readFileSync(token, 'utf8')).toBe('csa_x')
  const netrc = join(folder, 'netrc')
  expect(readFileSync(netrc, 'utf8')).toBe('machine kong login admin password csa_x\n')
  const quoted = netrc.replaceAll('\\', '\\\\').replaceAll('"', '\\"')
  expect(readFileSync(join(folder, '.curlrc'), 'utf8').split('\n')).toEqual([
    `config = "${own}"`,
    'connect-to = "kong::127.0.0.1:81"',
    `netrc-file = "${quoted}"`,
    'netrc-optional',
    '',
  ])
  for (const name of ['.curlrc', 'netrc', 'key'])
    expect(statSync(join(folder, name)).mode & 0o777).toBe(0o600)
  expect(statSync(folder).mode & 0o777).toBe(0o700)
})

test('the file that curl would read is the first of its places; ours is none of them', () => {
  using temporary = temporaryFolder()
  const at = (...names: string[]): string => join(temporary.path, ...names)
  for (const name of ['home/.config', 'xdg', 'ours']) mkdirSync(at(name), { recursive: true })
  const env = { CURL_HOME: at('ours'), XDG_CONFIG_HOME: at('xdg'), HOME: at('home') }
  writeFileSync(at('ours/.curlrc'), '')
  expect(ownCurlConfig(env, at('ours'))).toBeUndefined()
  writeFileSync(at('home/.config/curlrc'), '')
  expect(ownCurlConfig(env, at('ours'))).toBe(at('home/.config/curlrc'))
  writeFileSync(at('home/.curlrc'), '')
  expect(ownCurlConfig(env, at('ours'))).toBe(at('home/.curlrc'))
  writeFileSync(at('xdg/curlrc'), '')
  expect(ownCurlConfig(env, at('ours'))).toBe(at('xdg/curlrc'))
  expect(ownCurlConfig(env, at('elsewhere'))).toBe(at('ours/.curlrc'))
})
