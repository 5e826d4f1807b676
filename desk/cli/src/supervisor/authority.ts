import { type KeyObject, randomBytes } from 'node:crypto'
import { initialiseAuthority, writeBootstrapToken } from '@countersign/authority'
import type { Config } from '../config/config.ts'
import { DeskError } from '../errors.ts'
import type { Layout } from '../home/layout.ts'
import { JOIN_TOKEN_SECONDS } from '../limits.ts'
import { authoritiesOf } from './parts.ts'

/**
 * Makes the root and the intermediates where they are missing, and puts the hash of one join token in place before
 * the authorities run: the token is the desk's, and returned. All other tokens are made by the authorities.
 */
export async function prepareAuthority(options: {
  config: Config
  layout: Layout
  masterKey: KeyObject
}): Promise<string> {
  const { config, layout, masterKey } = options
  const instances = authoritiesOf(config)
  const { trustDomain } = config
  try {
    await initialiseAuthority({ folder: layout.pki, masterKey, trustDomain, instances })
  } catch (error) {
    throw new DeskError(
      'ENVIRONMENT',
      `the keys in ${layout.pki} cannot be used: ${error instanceof Error ? error.message : ''}`,
      { cause: error },
    )
  }
  return newDeskToken(layout)
}

/**
 * Puts the hash of a new join token for the desk in place, and returns the token. An authority takes it at its next
 * start. This is for whoever owns the folder alone: it is how the first workload joins, and one that lost its certificate.
 */
export async function newDeskToken(layout: Layout): Promise<string> {
  const token = randomBytes(32).toString('base64url')
  const expiresAt = new Date(Date.now() + JOIN_TOKEN_SECONDS * 1000)
  await writeBootstrapToken(layout.pki, { name: 'desk', token, expiresAt })
  return token
}
