import { randomBytes } from 'node:crypto'
import { initialiseAuthority, writeBootstrapToken } from '@countersign/authority'
import { readMasterKey } from '@countersign/ground/seal'
import type { Config } from '../config/config.ts'
import { DeskError } from '../errors.ts'
import type { Layout } from '../home/layout.ts'
import { JOIN_TOKEN_SECONDS } from '../limits.ts'
import { PARTS } from './plan.ts'

/**
 * Makes the root and the intermediates where they are missing, and puts the hash of one join token in place before
 * the authorities run: the token is the desk's, and returned. All other tokens are made by the authorities.
 */
export async function prepareAuthority(options: {
  config: Config
  layout: Layout
}): Promise<string> {
  const { config, layout } = options
  const instances = PARTS.filter(({ name }) => name === 'authority').map(({ instance }) => instance)
  const { trustDomain } = config
  try {
    const masterKey = readMasterKey(layout.masterKey)
    await initialiseAuthority({ folder: layout.pki, masterKey, trustDomain, instances })
  } catch (error) {
    throw new DeskError(
      'ENVIRONMENT',
      `the keys in ${layout.pki} cannot be used: ${error instanceof Error ? error.message : ''}`,
      { cause: error },
    )
  }
  const token = randomBytes(32).toString('base64url')
  const expiresAt = new Date(Date.now() + JOIN_TOKEN_SECONDS * 1000)
  await writeBootstrapToken(layout.pki, { name: 'desk', token, expiresAt })
  return token
}
