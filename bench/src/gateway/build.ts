import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { versionOf } from './program.ts'

/** What the session needs beside Node, with the package of Debian that brings it. */
const NEEDED: readonly (readonly [string, readonly string[], string])[] = [
  ['gcc', ['--version'], 'gcc'],
  ['taskset', ['--version'], 'util-linux'],
  ['nginx', ['-v'], 'nginx libnginx-mod-http-lua lua-cjson'],
  ['haproxy', ['-v'], 'haproxy'],
]

/** Throws with what has to be installed, all at once. */
export function checkTools(): void {
  const missing = NEEDED.filter(([file, args]) => versionOf(file, ...args) === undefined)
  if (missing.length === 0) return
  const packages = missing.map(([, , name]) => name).join(' ')
  throw new Error(
    `not found: ${missing.map(([file]) => file).join(', ')}; on Debian: apt-get install ${packages}`,
  )
}

/** Whether there is what `compile` needs. */
export const canCompile = (): boolean =>
  versionOf('gcc', '--version') !== undefined && existsSync('/usr/include/openssl/ssl.h')

/** Compiles a program of `load/` into the work folder. Throws with what gcc says, and what is likely missing. */
export function compile(name: string, work: string): string {
  const out = join(work, name)
  const source = join(import.meta.dirname, 'load', `${name}.c`)
  const args = ['-O2', '-Wall', source, '-lssl', '-lcrypto', '-lpthread', '-o', out]
  const { status, stderr, error } = spawnSync('gcc', args, { encoding: 'utf8' })
  if (status === 0) return out
  const said = error?.message ?? stderr
  const why = /openssl\/|-lssl|-lcrypto/.test(said)
    ? ' (on Debian: apt-get install libssl-dev)'
    : ''
  throw new Error(`gcc cannot compile ${name}.c${why}:\n${said}`)
}
