import { describe, expect, it } from 'vitest'
import { readIdentifier } from './identifier.ts'
import { nameRefusal } from './name-policy.ts'

const long = (chars: number): string => {
  const labels = `${'a'.repeat(63)}.`.repeat(5)
  return `${labels.slice(0, chars - 5)}.test`
}

/** D05: each spelling, and what becomes of it. */
// biome-ignore format: a table
const cases: [string, string, string | undefined][] = [
  ['a name',                    'www.acme.test',             'www.acme.test'],
  ['upper case',                'WWW.Acme.TEST',             'www.acme.test'],
  ['a wildcard',                '*.acme.test',               '*.acme.test'],
  ['one label',                 'intranet',                  'intranet'],
  ['digits',                    '1.2.3.4.acme.test',         '1.2.3.4.acme.test'],
  ['inner hyphens',             'a-b--c.acme.test',          'a-b--c.acme.test'],
  ['253 characters',            long(253),                   long(253)],
  ['254 characters',            long(254),                   undefined],
  ['a label of 64',             `${'a'.repeat(64)}.test`,    undefined],
  ['nothing',                   '',                          undefined],
  ['a dot at the end',          'www.acme.test.',            undefined],
  ['a dot in front',            '.acme.test',                undefined],
  ['two dots',                  'www..acme.test',            undefined],
  ['an underscore',             'a_b.acme.test',             undefined],
  ['a percent sign',            'a%2e.acme.test',            undefined],
  ['a blank',                   'a b.acme.test',             undefined],
  ['NUL',                       'www.acme.test\0.evil.test', undefined],
  ['a line break',              'www.acme.test\n',           undefined],
  ['a port',                    'www.acme.test:443',         undefined],
  ['a path',                    'www.acme.test/x',           undefined],
  ['a comma',                   'a.test,b.test',             undefined],
  ['a hyphen in front',         '-a.acme.test',              undefined],
  ['a hyphen at the end',       'a-.acme.test',              undefined],
  ['hyphens in third and fourth place', 'ab--c.acme.test',   undefined],
  ['an address',                '127.0.0.1',                 undefined],
  ['an address of IPv6',        '::1',                       undefined],
  ['an address in brackets',    '[::1]',                     undefined],
  ['half an address',           '127.1',                     undefined],
  ['a number',                  '2130706433',                undefined],
  ['a number in hexadecimal',   'a.0x7f',                    undefined],
  ['an address under a wildcard', '*.127.0.0.1',             undefined],
  ['a star alone',              '*',                         undefined],
  ['two stars',                 '*.*.acme.test',             undefined],
  ['a star behind',             'www.*.acme.test',           undefined],
  ['a star in a label',         'a*.acme.test',              undefined],
  ['a wildcard of one label',   '*.test',                    undefined],
  ['letters beyond ASCII',      'bücher.test',               undefined],
  ['a look-alike of a dot',     'www\u3002acme.test',        undefined],
  ['an A-label',                'xn--bcher-kva.test',        'xn--bcher-kva.test'],
  ['an A-label in upper case',  'XN--BCHER-KVA.test',        'xn--bcher-kva.test'],
  ['an A-label of kana',        'xn--eckwd4c7c.test',        'xn--eckwd4c7c.test'],
  ['an A-label that does not decode', 'xn--99999999.test',   undefined],
  ['an A-label of ASCII',       'xn--abc-.test',             undefined],
  ['an empty A-label',          'xn--.test',                 undefined],
  ['an A-label with a Cyrillic letter among Latin ones', 'xn--pple-43d.test', undefined],
]

describe('a name', () => {
  it.each(cases)('%s', (_, text, name) => {
    const read = readIdentifier('dns', text)
    if (name !== undefined) expect(read).toEqual({ ok: true, name })
    else expect(read).toMatchObject({ ok: false, type: 'rejectedIdentifier' })
  })

  it('of another type is none that we issue for', () => {
    expect(readIdentifier('ip', '127.0.0.1')).toMatchObject({ type: 'unsupportedIdentifier' })
  })
})

describe('the names that may be issued for', () => {
  const reserved = ['localhost', 'test.local']
  const open = { allowed: [], reserved }
  const narrow = { allowed: ['acme.test', 'nas'], reserved }
  // biome-ignore format: a table
  it.each<[string, typeof narrow | typeof open, string[] | undefined, boolean]>([
    ['www.acme.test',       open,   undefined,       true],
    ['intranet',            open,   undefined,       false],
    ['intranet',            open,   ['intranet'],    true],
    ['localhost',           open,   ['localhost'],   false],
    ['a.localhost',         open,   undefined,       false],
    ['order.test.local',    open,   undefined,       false],
    ['*.test.local',        open,   undefined,       false],
    ['latest.local',        open,   undefined,       true],
    ['acme.test',           narrow, undefined,       true],
    ['*.acme.test',         narrow, undefined,       true],
    ['a.b.acme.test',       narrow, undefined,       true],
    ['notacme.test',        narrow, undefined,       false],
    ['acme.test.evil.test', narrow, undefined,       false],
    ['nas',                 narrow, undefined,       true],
    ['www.acme.test',       narrow, ['shop.acme.test'], false],
    ['a.shop.acme.test',    narrow, ['shop.acme.test'], true],
    ['other.test',          narrow, ['other.test'],  false],
    ['www.acme.test',       narrow, [],              false],
  ])('%s', (name, policy, ofAccount, allowed) => {
    expect(nameRefusal(name, policy, ofAccount) === undefined).toBe(allowed)
  })
})
