import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { temporaryFolder } from '@countersign/ground/testkit'
import { describe, expect, test } from 'vitest'
import { acmeLines } from './acme-lines.ts'

/* The lines are given to a real shell, with programs of the clients' names that tell what they were called with. */
const KEY = {
  keyId: 'kid-1',
  macKey: '-mac_key-',
  directories: ['https://localhost:14001/acme/directory'],
  expiresAt: '2027-01-01T00:00:00Z',
}
const BUNDLE = "/my state/o'clock/bundle.pem"

/** Calls by client: words, and the variables that it cares for. */
function run(
  folder: string,
  client: string,
  httpPort?: number,
): { words: string[]; env: string }[] {
  const bin = join(folder, 'bin')
  mkdirSync(bin)
  const calls = join(folder, 'calls')
  writeFileSync(calls, '')
  for (const name of ['certbot', 'lego', 'acme.sh', 'dehydrated']) {
    const path = join(bin, name)
    writeFileSync(
      path,
      `#!/bin/sh\n{ printf '%s\\0' "$@"; printf '\\001%s\\002' "$REQUESTS_CA_BUNDLE$LEGO_CA_CERTIFICATES"; } >> '${calls}'\n`,
    )
    chmodSync(path, 0o755)
  }
  const { line = '' } =
    acmeLines(KEY, { name: 'b.example', bundle: BUNDLE, httpPort }).find(
      (each) => each.client === client,
    ) ?? {}
  execFileSync('sh', ['-ec', line], {
    cwd: folder,
    env: { PATH: `${bin}${delimiter}${process.env.PATH}` },
  })
  return readFileSync(calls, 'utf8')
    .split('\u0002')
    .filter((call) => call !== '')
    .map((call) => {
      const [words = '', env = ''] = call.split('\u0001')
      return { words: words.split('\0').slice(0, -1), env }
    })
}
const after = (words: readonly string[], option: string): string | undefined =>
  words[words.indexOf(option) + 1]

describe('the lines for ACME clients', () => {
  test('certbot', () => {
    using folder = temporaryFolder()
    const [call] = run(folder.path, 'certbot')
    expect(call?.env).toBe(BUNDLE)
    expect(after(call?.words ?? [], '--server')).toBe(KEY.directories[0])
    expect(call?.words).toContain(`--eab-kid=${KEY.keyId}`)
    expect(call?.words).toContain(`--eab-hmac-key=${KEY.macKey}`)
    expect(after(call?.words ?? [], '-d')).toBe('b.example')
  })

  test('lego', () => {
    using folder = temporaryFolder()
    const [call] = run(folder.path, 'lego')
    expect(call?.env).toBe(BUNDLE)
    expect(call?.words).toContain(`--kid=${KEY.keyId}`)
    expect(call?.words).toContain(`--hmac=${KEY.macKey}`)
    expect(call?.words.at(-1)).toBe('run')
  })

  test('acme.sh', () => {
    using folder = temporaryFolder()
    const [register, issue] = run(folder.path, 'acme.sh')
    expect(after(register?.words ?? [], '--eab-hmac-key')).toBe(KEY.macKey)
    for (const call of [register, issue]) {
      expect(after(call?.words ?? [], '--ca-bundle')).toBe(BUNDLE)
      expect(after(call?.words ?? [], '--server')).toBe(KEY.directories[0])
    }
    expect(after(issue?.words ?? [], '-d')).toBe('b.example')
  })

  test.each([
    ['certbot', ['--http-01-port', '5080']],
    ['lego', ['--http.port', ':5080']],
    ['acme.sh', ['--httpport', '5080']],
  ])('%s answers at the port where proofs are fetched', (client, [option = '', port]) => {
    using folder = temporaryFolder()
    const words = run(folder.path, client, 5080).at(-1)?.words ?? []
    expect(after(words, option)).toBe(port)
  })

  test('dehydrated, whose configuration a shell reads as it is meant', () => {
    using folder = temporaryFolder()
    const [register, issue] = run(folder.path, 'dehydrated')
    expect(register?.words).toEqual(['--config', 'config', '--register', '--accept-terms'])
    expect(after(issue?.words ?? [], '--domain')).toBe('b.example')
    const show = `. ./config; printf '%s\\n' "$CA" "$EAB_KID" "$EAB_HMAC_KEY" "$CURL_OPTS" "$WELLKNOWN"`
    const read = execFileSync('sh', ['-ec', show], { cwd: folder.path, encoding: 'utf8' })
    expect(read.trim().split('\n')).toEqual([
      KEY.directories[0],
      KEY.keyId,
      KEY.macKey,
      `--cacert ${BUNDLE}`,
      join(folder.path, 'challenges'),
    ])
  })
})
