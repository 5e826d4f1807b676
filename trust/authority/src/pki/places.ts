import { join } from 'node:path'
import type { Place } from './signer-file.ts'

/*
 * The folder of the authorities of one machine:
 *
 *   bundle.pem                    roots that everybody trusts; not secret
 *   trust.json                    the state of trust as it was last known here; not secret
 *   roots/<id>.json               the vault: a root each, its key sealed; not there while the key is off line
 *   <instance>/signers/<id>.json  an intermediate each, its key sealed
 *   <instance>/authority.db       what else the authority knows
 *   <instance>/bootstrap.json
 *
 * The layout of the first release had one root in `root.json` and one intermediate in `<instance>/signer.json`.
 */
const INSTANCE = /^[a-z][a-z0-9-]{0,62}$/
const KEY_ID = /^[0-9a-f]{40}$/

export function bundlePath(folder: string): string {
  return join(folder, 'bundle.pem')
}

export function trustPath(folder: string): string {
  return join(folder, 'trust.json')
}

export function vaultFolder(folder: string): string {
  return join(folder, 'roots')
}

/** Where a root lies. Throws `TypeError` for an id that is none: it becomes a path. */
export function rootPlace(folder: string, trustDomain: string, id: string): Place {
  const path = join(vaultFolder(folder), `${keyId(id)}.json`)
  return { path, trustDomain, role: `root ${id}` }
}

/** The folder of one authority. Throws `TypeError` for a name that is none: it becomes a path. */
export function instanceFolder(folder: string, instance: string): string {
  if (!INSTANCE.test(instance))
    throw new TypeError(`not an instance name: ${JSON.stringify(instance)}`)
  return join(folder, instance)
}

export function signersFolder(folder: string, instance: string): string {
  return join(instanceFolder(folder, instance), 'signers')
}

/** Where an intermediate lies. Throws `TypeError` for a name or id that is none. */
export function signerPlace(
  folder: string,
  signer: { instance: string; trustDomain: string; id: string },
): Place {
  const { instance, trustDomain, id } = signer
  const path = join(signersFolder(folder, instance), `${keyId(id)}.json`)
  return { path, trustDomain, role: `intermediate ${instance} ${id}` }
}

/** Where the first release had them. */
export function releasedRootPlace(folder: string, trustDomain: string): Place {
  return { path: join(folder, 'root.json'), trustDomain, role: 'root' }
}

export function releasedSignerPlace(folder: string, instance: string, trustDomain: string): Place {
  const path = join(instanceFolder(folder, instance), 'signer.json')
  return { path, trustDomain, role: `intermediate ${instance}` }
}

function keyId(id: string): string {
  if (!KEY_ID.test(id)) throw new TypeError(`not a key id: ${JSON.stringify(id)}`)
  return id
}
