import { refId } from '../collections.ts'
import type { Id } from '../entities.ts'
import { schemaViolation } from '../errors.ts'
import { buildEntity, type World } from './build-entity.ts'
import type { Draft } from './state.ts'

/** Makes these the server names of a certificate, and no others. Throws `KongError` 2 where another has one of them. */
export function putSnis(
  draft: Draft,
  { certificate, names }: { readonly certificate: Id; readonly names: readonly string[] },
  world: World,
): void {
  const wanted = new Set(names)
  for (const sni of [...draft.all('snis').values()]) {
    const name = String(sni.name)
    const mine = refId(sni, 'certificate') === certificate
    if (mine && !wanted.has(name)) draft.remove('snis', sni.id)
    if (mine) wanted.delete(name)
    else if (wanted.has(name))
      throw schemaViolation({
        snis: `${name} already associated with existing certificate '${refId(sni, 'certificate')}'`,
      })
  }
  for (const name of wanted)
    draft.put('snis', buildEntity('snis', { name, certificate: { id: certificate } }, world).entity)
}

/** Server names that lead to a certificate, in order. */
export function snisOf(draft: Pick<Draft, 'all'>, certificate: Id): string[] {
  return [...draft.all('snis').values()]
    .filter((sni) => refId(sni, 'certificate') === certificate)
    .map((sni) => String(sni.name))
    .sort()
}
