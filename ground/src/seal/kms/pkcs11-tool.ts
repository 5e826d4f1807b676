import { spawnSync } from 'node:child_process'
import { SealError } from '../errors.ts'
import { KMS_ANSWER_BYTES_MAX, KMS_MS_MAX } from '../limits.ts'
import { readSecretFile } from '../secret-file.ts'

export interface Pkcs11Token {
  /** The token's library, as in `/usr/lib/softhsm/libsofthsm2.so`. */
  readonly module: string
  /** The token's label. */
  readonly token: string
  /** File of mode 0600 with the PIN of the user. */
  readonly pinFile: string
  /** What the library finds its way by, as in PATH and SOFTHSM2_CONF. */
  readonly env: Readonly<Record<string, string | undefined>>
}

/*
 * OpenSC's pkcs11-tool, as a child process: a library of a stranger does not come into ours. The PIN reaches it in its
 * environment, which this user alone can read, and never as an argument, which everybody can. Keys go through pipes.
 */
const PIN_VARIABLE = 'COUNTERSIGN_TOKEN_PIN'

/** Runs one act at the token and returns what it wrote. Throws `SealError` KMS_REFUSED, KMS_UNAVAILABLE, KEY_FILE. */
export function runPkcs11Tool(
  token: Pkcs11Token,
  act: { args: readonly string[]; input?: Uint8Array },
): Buffer {
  const pin = readSecretFile(token.pinFile, 'the PIN file').replace(/\r?\n$/, '')
  const where = ['--module', token.module, '--token-label', token.token]
  const ended = spawnSync('pkcs11-tool', [...where, '--pin', `env:${PIN_VARIABLE}`, ...act.args], {
    env: { ...token.env, LC_ALL: 'C', [PIN_VARIABLE]: pin },
    input: act.input ?? Buffer.alloc(0),
    timeout: KMS_MS_MAX,
    killSignal: 'SIGKILL',
    maxBuffer: KMS_ANSWER_BYTES_MAX,
    windowsHide: true,
  })
  if (ended.error !== undefined) throw unavailable(token, ended.error)
  if (ended.status === 0) return ended.stdout
  throw refusal(token, ended.stderr.toString('latin1'))
}

function unavailable(token: Pkcs11Token, cause: NodeJS.ErrnoException): SealError {
  const why =
    cause.code === 'ENOENT'
      ? 'pkcs11-tool is not on the PATH; install OpenSC'
      : `${cause.code ?? 'no answer'} within ${KMS_MS_MAX} ms`
  return new SealError('KMS_UNAVAILABLE', `the token ${token.token} cannot be asked: ${why}`)
}

/** PKCS #11 names its return values; nothing else of what the tool says leaves here. */
function refusal({ token, module }: Pkcs11Token, said: string): SealError {
  const value = /\bCKR_[A-Z0-9_]{1,40}\b/.exec(said)?.[0]
  if (value?.startsWith('CKR_PIN') === true)
    return new SealError('KMS_REFUSED', `the token ${token} does not take the PIN (${value})`)
  if (/no slot with|not present|failed to load pkcs11 module/i.test(said))
    return new SealError('KMS_UNAVAILABLE', `there is no token ${token} at ${module}`)
  if (/object not found|not found/i.test(said))
    return new SealError('KMS_REFUSED', `the token ${token} has no such key`)
  return new SealError('KMS_REFUSED', `the token ${token} says ${value ?? 'no'}`)
}
