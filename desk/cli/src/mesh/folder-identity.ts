import { X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { checkSvid } from '@countersign/ground/x509'
import type { Identity } from '@countersign/service'
import { DeskError, systemCode } from '../errors.ts'

/** The identity that the supervisor keeps in a folder, as it is now: for commands, which end before it is renewed. */
export async function folderIdentity(folder: string): Promise<Identity> {
  const [chain, key, bundle] = await Promise.all(
    ['cert.pem', 'key.pem', 'bundle.pem'].map((name) => read(join(folder, name))),
  )
  if (chain === undefined || key === undefined || bundle === undefined)
    throw new Error('broken invariant: three files were read')
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
  }
}

async function read(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    throw new DeskError(
      'FAILED',
      `cannot read ${path} (${systemCode(error)}); is the platform ready? See: countersign status`,
      {
        cause: error,
      },
    )
  }
}
