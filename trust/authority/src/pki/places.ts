import { join } from 'node:path'
import type { Place } from './signer-file.ts'

/*
 * The folder of the authorities:
 *
 *   bundle.pem              roots that everybody trusts; not secret
 *   root.json               the root, its key sealed; used when an intermediate is made
 *   <instance>/signer.json  an intermediate, its key sealed
 *   <instance>/tokens.jsonl <instance>/issued.jsonl
 *   <instance>/bootstrap.json
 */
const INSTANCE = /^[a-z][a-z0-9-]{0,62}$/

export function bundlePath(folder: string): string {
  return join(folder, 'bundle.pem')
}

export function rootPlace(folder: string, trustDomain: string): Place {
  return { path: join(folder, 'root.json'), trustDomain, role: 'root' }
}

/** The folder of one authority. Throws `TypeError` for a name that is none: it becomes a path. */
export function instanceFolder(folder: string, instance: string): string {
  if (!INSTANCE.test(instance))
    throw new TypeError(`not an instance name: ${JSON.stringify(instance)}`)
  return join(folder, instance)
}

export function intermediatePlace(folder: string, instance: string, trustDomain: string): Place {
  const path = join(instanceFolder(folder, instance), 'signer.json')
  return { path, trustDomain, role: `intermediate ${instance}` }
}
