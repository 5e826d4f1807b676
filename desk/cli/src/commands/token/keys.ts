import { identity } from '@countersign/contract/platform'
import { createPublicKey, type JsonWebKeyInput } from 'node:crypto'
import type { Desk } from '../../desk.ts'
import { DeskError } from '../../errors.ts'
import { EXIT, type ExitCode } from '../../exit-codes.ts'
import { withDeskLink } from '../../mesh/desk-link.ts'

/**
 * `countersign token keys`: the public keys of the identity provider, the signing one first. `--pem`: that one alone, as
 * `jwt.verify` and its like take it.
 */
export async function keys(desk: Desk, options: { pem?: boolean }): Promise<ExitCode> {
  const set = await withDeskLink(desk, (link) => link.call(identity).keys())
  if (options.pem !== true) {
    desk.output.json(set)
    return EXIT.ok
  }
  const [signing] = set.keys
  if (signing === undefined) throw new DeskError('FAILED', 'the identity provider shows no key')
  const key = createPublicKey({ key: signing, format: 'jwk' } as JsonWebKeyInput)
  desk.output.line(key.export({ type: 'spki', format: 'pem' }).toString().trimEnd())
  return EXIT.ok
}
