import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { env } from 'node:process'
import type { Pkcs11Options } from './kms-pkcs11.ts'

const MODULES = [
  '/usr/lib/softhsm/libsofthsm2.so',
  '/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so',
  '/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so',
  '/usr/local/lib/softhsm/libsofthsm2.so',
]
const MODULE = MODULES.find((path) => existsSync(path))
const runs = (program: string): boolean =>
  spawnSync(program, ['--help'], { stdio: 'ignore' }).error === undefined

/** Whether SoftHSM and OpenSC are on this machine. */
export const hasSoftHsm: boolean =
  MODULE !== undefined && runs('softhsm2-util') && runs('pkcs11-tool')

export const PIN = '928374'

/** A token of its own in `folder`, with RSA keys of these ids. */
export function softHsm(folder: string, keyIds: readonly string[]): Pkcs11Options {
  const tokens = join(folder, 'tokens')
  const conf = join(folder, 'softhsm2.conf')
  const pinFile = join(folder, 'pin')
  mkdirSync(tokens, { mode: 0o700 })
  writeFileSync(conf, `directories.tokendir = ${tokens}\nlog.level = ERROR\n`)
  writeFileSync(pinFile, `${PIN}\n`, { mode: 0o600 })
  const { PATH, HOME } = env
  const options = {
    env: { PATH, HOME, SOFTHSM2_CONF: conf, TEST_PIN: PIN },
    stdio: 'ignore',
  } as const
  const token = 'countersign test'
  const init = ['--init-token', '--free', '--label', token, '--so-pin', '918273', '--pin', PIN]
  execFileSync('softhsm2-util', init, options)
  const module = MODULE ?? ''
  for (const keyId of keyIds) {
    const where = ['--module', module, '--token-label', token, '--login', '--pin', 'env:TEST_PIN']
    const make = ['--keypairgen', '--key-type', 'rsa:2048', '--id', keyId, '--usage-decrypt']
    execFileSync('pkcs11-tool', [...where, ...make], options)
  }
  return {
    module,
    token,
    keyId: keyIds[0] ?? '',
    pinFile,
    env: { PATH, HOME, SOFTHSM2_CONF: conf },
  }
}
