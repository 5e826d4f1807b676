import { open, seal, type SealKey } from '@countersign/ground/seal'
import {
  exportDeclarative,
  type KongState,
  loadDeclarative,
  type Plugin,
  type World,
} from '@countersign/kong'
import { isRoot } from './own-roots.ts'
import { keptOf } from './plane/replace-all.ts'

/** Declarative texts in and out, with this platform's seal on their secrets. */
export interface Declarative {
  /** Throws `DeclarativeError` with every mistake. */
  load(
    text: string,
    file: string,
    on: { readonly before: KongState; readonly world: World },
  ): KongState
  export(state: KongState, secrets: 'sealed' | 'plain'): string
}

/** A secret opens where it was: a private key that is moved to a field that is shown stays sealed. */
const PLACE = 'gateway export'

export function createDeclarative(sealKey: SealKey, plugins: readonly Plugin[]): Declarative {
  return {
    load: (text, file, { before, world }) =>
      loadDeclarative(text, file, {
        world,
        before,
        keep: keptOf(before),
        openSealed: (sealed, place) => open(sealKey, sealed, `${PLACE} ${place}`).toString('utf8'),
      }),
    export: (state, secrets) =>
      exportDeclarative(state, {
        plugins,
        secret: (secret, place) =>
          secrets === 'plain' ? secret : seal(sealKey, secret, `${PLACE} ${place}`),
        leaveOut: (collection, entity) => collection === 'ca_certificates' && isRoot(entity),
      }),
  }
}
