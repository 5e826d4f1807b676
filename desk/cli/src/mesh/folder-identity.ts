import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { checkSvid } from '@countersign/ground/x509'
import type { Identity } from '@countersign/service'
import { DeskError, systemCode } from '../errors.ts'
import { IDENTITY_READ_MS, IDENTITY_READS_MAX } from '../limits.ts'
import { parseKeptTrust, revocationsOf, TRUST_FILE } from './kept-trust.ts'

/** The identity that the supervisor keeps in a folder, as it is now: for commands, which end before it is renewed. */
export async function folderIdentity(folder: string): Promise<Identity> {
  const { chain, key, bundle, trust } = await readTogether(folder)
  const leaf = new X509Certificate(chain)
  const checked = checkSvid(leaf)
  if (!checked.ok)
    throw new DeskError('FAILED', `the certificate in ${folder} cannot be used: ${checked.fault}`)
  const credential = {
    chain,
    key,
    serial: leaf.serialNumber,
    notBefore: leaf.validFromDate,
    notAfter: leaf.validToDate,
  }
  return {
    id: checked.id,
    current: () => credential,
    bundle: () => bundle,
    onChange: () => () => undefined,
    renewals: 0,
    revocations: revocationsOf(parseKeptTrust(trust)),
  }
}

interface Files {
  readonly chain: string
  readonly key: string
  readonly bundle: string
  readonly trust: string
}

/** The files are replaced one after the other at each renewal: a key of before does not fit, and is read again. */
async function readTogether(folder: string): Promise<Files> {
  for (let reads = 1; ; reads++) {
    const [chain, key, bundle, trust] = await Promise.all([
      read(join(folder, 'cert.pem')),
      read(join(folder, 'key.pem')),
      read(join(folder, 'bundle.pem')),
      read(join(folder, TRUST_FILE)),
    ])
    if (new X509Certificate(chain).checkPrivateKey(createPrivateKey(key)))
      return { chain, key, bundle, trust }
    if (reads >= IDENTITY_READS_MAX)
      throw new DeskError('FAILED', `key and certificate in ${folder} do not belong together`)
    await sleep(IDENTITY_READ_MS)
  }
}

async function read(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    throw new DeskError(
      'FAILED',
      `cannot read ${path} (${systemCode(error)}); is the platform ready? See: countersign status`,
      { cause: error },
    )
  }
}
