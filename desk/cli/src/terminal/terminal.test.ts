import { execFileSync } from 'node:child_process'
import { describe, expect, test } from 'vitest'
import { colours, wantsColour } from './colours.ts'
import { curlLine } from './curl-line.ts'
import { printable, shellWord } from './printable.ts'
import { table } from './table.ts'

describe('the terminal', () => {
  test('aligns columns whatever their colours', () => {
    const paint = colours(true)
    expect(
      table(
        ['name', 'health'],
        [
          [paint.green('order-1'), 'ready'],
          ['audit', paint.red('down')],
        ],
      ),
    ).toBe(`name     health\n${paint.green('order-1')}  ready\naudit    ${paint.red('down')}`)
    expect(table(['a'], [])).toBe('a')
  })

  test('has colours only where a person sees them and wants them', () => {
    expect(wantsColour(true, undefined)).toBe(true)
    expect(wantsColour(true, '')).toBe(true)
    expect(wantsColour(true, '1')).toBe(false)
    expect(wantsColour(undefined, undefined)).toBe(false)
    expect(colours(false).red('x')).toBe('x')
  })

  test('shows control characters of others instead of obeying them', () => {
    expect(printable('a\u001b[2Jb\u202ec\n')).toBe('a\\u{1b}[2Jb\\u{202e}c\\u{a}')
  })

  test('quotes words for the shell only where it must', () => {
    expect(shellWord('/srv/a.pem')).toBe('/srv/a.pem')
    expect(shellWord('/my folder/a.pem')).toBe("'/my folder/a.pem'")
    expect(shellWord("it's")).toBe("'it'\\''s'")
    expect(shellWord('')).toBe("''")
  })

  test('prints a curl line that a shell takes apart as meant, whatever the paths hold', () => {
    const line = curlLine({
      program: ['node', "/o'clock/bin x.mjs"],
      home: '/my state',
      bundle: '/my state/run/trust bundle.pem',
      url: 'https://localhost:8443/orders',
      body: { note: "it's $HOME" },
    })
    const functions = `node() { printf 'token-of-%s-%s-%s-%s' "$COUNTERSIGN_HOME" "$1" "$2" "$3"; }
curl() { for word in "$@"; do printf '%s\\0' "$word"; done; }
`
    const words = execFileSync('sh', ['-c', functions + line], { encoding: 'utf8' }).split('\0')
    expect(words.slice(0, -1)).toEqual([
      '--cacert',
      '/my state/run/trust bundle.pem',
      'https://localhost:8443/orders',
      '-H',
      "Authorization: Bearer token-of-/my state-/o'clock/bin x.mjs-token-customer",
      '-H',
      'Content-Type: application/json',
      '-d',
      `{"note":"it's $HOME"}`,
    ])
  })
})
