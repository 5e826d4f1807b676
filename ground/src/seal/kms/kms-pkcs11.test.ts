import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { env } from 'node:process'
import { inspect } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { temporaryFolder } from '../../testkit/index.ts'
import { newMasterKey } from '../master-key.ts'
import { kmsTrial } from './kms.trial.ts'
import { openPkcs11Kms, type Pkcs11Options } from './kms-pkcs11.ts'
import { hasSoftHsm, PIN, softHsm } from './softhsm.fixture.ts'

const folder = temporaryFolder()
afterAll(() => folder[Symbol.dispose]())

describe.skipIf(!hasSoftHsm)('a PKCS#11 token (SoftHSM)', () => {
  let options: Pkcs11Options
  beforeAll(() => {
    options = softHsm(folder.path, ['01', '02'])
  })
  const with_ = (change: Partial<Pkcs11Options>) => openPkcs11Kms({ ...options, ...change })

  kmsTrial(() => ({
    mine: with_({}),
    other: with_({ keyId: '02' }),
    away: () => with_({ token: 'nowhere' }),
  }))

  it('says what is wrong: the PIN, the key, the library, the tool', () => {
    const blob = with_({}).wrap(newMasterKey())
    const wrong = join(folder.path, 'wrong-pin')
    writeFileSync(wrong, '000000\n', { mode: 0o600 })
    const refusal = (change: Partial<Pkcs11Options>): { code: string; message: string } => {
      try {
        with_(change).unwrap(blob)
      } catch (error) {
        expect(inspect(error)).not.toMatch(new RegExp(`${PIN}|000000`))
        return error as { code: string; message: string }
      }
      throw new Error('nothing was thrown')
    }
    expect(refusal({ pinFile: wrong })).toMatchObject({
      code: 'KMS_REFUSED',
      message: expect.stringContaining('CKR_PIN_INCORRECT'),
    })
    expect(refusal({ keyId: '77' }).code).toBe('KMS_REFUSED')
    expect(refusal({ module: '/nowhere.so' }).code).toBe('KMS_UNAVAILABLE')
    expect(refusal({ env: { PATH: folder.path } })).toMatchObject({
      code: 'KMS_UNAVAILABLE',
      message: expect.stringContaining('pkcs11-tool'),
    })
    chmodSync(wrong, 0o644)
    expect(refusal({ pinFile: wrong })).toMatchObject({
      code: 'KEY_FILE',
      message: expect.stringContaining(`chmod 600 ${wrong}`),
    })
  })
})

describe('the PIN of a token', () => {
  it('is in the environment of the tool, and never among its arguments', () => {
    const bin = join(folder.path, 'bin')
    const seen = join(folder.path, 'seen')
    mkdirSync(bin)
    const script = `#!/bin/sh\necho "args $*" >${seen}\necho "pin $COUNTERSIGN_TOKEN_PIN" >>${seen}\nexit 1\n`
    writeFileSync(join(bin, 'pkcs11-tool'), script, { mode: 0o755 })
    const pinFile = join(folder.path, 'the-pin')
    writeFileSync(pinFile, 'p1n-of-the-token\n', { mode: 0o600 })
    const token = { module: 'm', token: 't', keyId: '01', pinFile }
    const kms = openPkcs11Kms({ ...token, env: { PATH: `${bin}:${env.PATH}` } })
    expect(() => kms.wrap(newMasterKey())).toThrow(/the token t says no/)
    const [args, pin] = readFileSync(seen, 'utf8').split('\n')
    expect(args).toContain('--pin env:COUNTERSIGN_TOKEN_PIN')
    expect(args).not.toContain('p1n-of-the-token')
    expect(pin).toBe('pin p1n-of-the-token')
  })
})
