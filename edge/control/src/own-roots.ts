import { createHash } from 'node:crypto'
import {
  type Draft,
  type Entity,
  type Id,
  readCertificates,
  stableId,
  type World,
} from '@countersign/kong'

/*
 * The roots of the platform among the CA certificates, so that a plugin can name them: by id, or by one of their tags. They
 * come and go with the roots themselves.
 */
const ROOT_TAGS: readonly string[] = ['countersign', 'ca-cert-id']

export function rootsOf(bundle: string, world: World): ReadonlyMap<Id, Entity> {
  const now = Math.floor(world.now / 1_000)
  return new Map(
    (readCertificates(bundle) ?? []).map((root) => {
      const digest = createHash('sha256').update(root.raw).digest('hex')
      const id = stableId('ca_certificates', `countersign:${digest}`)
      const cert = root.toString()
      return [
        id,
        { id, created_at: now, updated_at: now, tags: ROOT_TAGS, cert, cert_digest: digest },
      ]
    }),
  )
}

/** Whether a root of before is still among them is told by its id: it follows from the certificate. */
export function syncRoots(draft: Draft, roots: ReadonlyMap<Id, Entity>): void {
  for (const entity of [...draft.all('ca_certificates').values()])
    if (isRoot(entity) && !roots.has(entity.id)) draft.remove('ca_certificates', entity.id)
  for (const [id, entity] of roots)
    if (draft.get('ca_certificates', id) === undefined) draft.put('ca_certificates', entity)
}

/** Told by the id, which only we make so: a tag can be set by anybody. */
export const isRoot = ({ id, cert_digest: digest }: Entity): boolean =>
  typeof digest === 'string' && id === stableId('ca_certificates', `countersign:${digest}`)
