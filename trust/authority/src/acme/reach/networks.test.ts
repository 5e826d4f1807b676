import { describe, expect, it } from 'vitest'
import { isAllowed, type Network, parseNetwork } from './networks.ts'

const list = (...texts: string[]): Network[] =>
  texts.map((text) => parseNetwork(text) ?? expect.fail(`${text} is no network`))

describe('an address', () => {
  // biome-ignore format: a table
  const notPublic = [
    '0.0.0.0', '0.1.2.3', '10.0.0.1', '100.64.0.1', '127.0.0.1', '127.255.255.255', '169.254.169.254', '172.16.0.1',
    '172.31.255.255', '192.0.0.1', '192.0.2.1', '192.88.99.1', '192.168.1.1', '198.18.0.1', '198.51.100.1', '203.0.113.1',
    '224.0.0.1', '240.0.0.1', '255.255.255.255',
    '::', '::1', '::ffff:127.0.0.1', '::ffff:10.0.0.1', '::127.0.0.1', '64:ff9b::7f00:1', '64:ff9b:1::1', '100::1',
    '2001::1', '2001:db8::1', '2002:7f00:1::', '3fff::1', 'fc00::1', 'fd00:ec2::254', 'fe80::1', 'fe80::1%lo', 'ff02::1',
    'localhost', '', '127.1', '0x7f000001', '2130706433',
  ]
  it.each(notPublic)('%s is not public', (address) => {
    expect(isAllowed(address, { public: true, listed: [] })).toBe(false)
  })
  it.each([
    '1.1.1.1',
    '172.32.0.1',
    '100.128.0.1',
    '9.255.255.255',
    '2606:4700::1111',
    '::ffff:1.1.1.1',
  ])('%s is', (address) => {
    expect(isAllowed(address, { public: true, listed: [] })).toBe(true)
    expect(isAllowed(address, { public: false, listed: [] })).toBe(false)
  })

  // biome-ignore format: a table
  it.each<[string, string[], boolean]>([
    ['127.0.0.1',        ['127.0.0.0/8'],      true],
    ['::ffff:127.0.0.1', ['127.0.0.0/8'],      true],
    ['128.0.0.1',        ['127.0.0.0/8'],      false],
    ['::1',              ['::1/128'],          true],
    ['::2',              ['::1/128'],          false],
    ['10.1.2.3',         ['10.1.2.3/32'],      true],
    ['10.1.2.4',         ['10.1.2.3/32'],      false],
    ['10.1.3.255',       ['10.1.2.0/23'],      true],
    ['10.1.4.0',         ['10.1.2.0/23'],      false],
    ['169.254.169.254',  ['0.0.0.0/0'],        false],
    ['169.254.169.254',  ['169.254.0.0/16'],   true],
    ['169.254.169.254',  ['168.0.0.0/7'],      false],
    ['fe80::1',          ['::/0'],             false],
    ['fe80::1',          ['fe80::/10'],        true],
    ['0.0.0.0',          ['0.0.0.0/0'],        false],
    ['255.255.255.255',  ['0.0.0.0/0'],        false],
    ['224.0.0.251',      ['224.0.0.0/4'],      false],
    ['::',               ['::/0'],             false],
    ['ff02::1',          ['ff00::/8'],         false],
    ['127.0.0.1',        ['::/0'],             false],
  ])('%s in %s: %s', (address, networks, allowed) => {
    expect(isAllowed(address, { public: false, listed: list(...networks) })).toBe(allowed)
  })

  it.each([
    '',
    '10.0.0.0',
    '10.0.0.0/33',
    '10.0.0.1/8',
    '::1/129',
    '10.0.0.0/-1',
    '10.0.0.0/8/8',
    'a/8',
    '10/8',
    '10.0.0.0/',
  ])('%s is no network', (text) => {
    expect(parseNetwork(text)).toBeUndefined()
  })
})
