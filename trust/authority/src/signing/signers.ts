import type { IntermediateEntry } from '@countersign/contract/platform'
import type { Span } from '@countersign/ground/x509'
import { AuthorityError } from '../errors.ts'
import type { Signer, Signers } from '../issuing/ports.ts'
import { type Ca, spanOf } from '../pki/create-ca.ts'

export interface OwnSignersOptions {
  readonly instance: string
  /** A CA that leaves less than half of a leaf's life signs no more. */
  readonly leafMs: number
  readonly now: () => number
}

/** The intermediates of this authority as the state of trust has them. */
export class OwnSigners implements Signers {
  readonly #options: OwnSignersOptions
  #all: readonly Signer[] = []

  constructor(options: OwnSignersOptions) {
    this.#options = options
  }

  /** What the state says of them from now on. */
  update(entries: readonly IntermediateEntry[], keys: ReadonlyMap<string, Ca>): void {
    this.#all = entries.flatMap(({ id, root, state, certificate }) => {
      const privateKey = keys.get(id)?.privateKey
      if (privateKey === undefined) return []
      return [{ id, root, state, certificate, privateKey, span: spanOf(certificate) }]
    })
  }

  active(): Signer {
    const { instance } = this.#options
    const signer = this.#all.find(({ state }) => state === 'active')
    if (signer === undefined) {
      const message = `${instance} has no intermediate under the active root: that root's key is not in the vault; do: countersign cert import-root`
      throw new AuthorityError('PKI_MISSING', message)
    }
    if (this.canSign(signer)) return signer
    const end = new Date(signer.span.notAfter).toISOString()
    const message = `the intermediate of ${instance} ends ${end}; do: countersign cert rotate-intermediate`
    throw new AuthorityError('ISSUER_ENDS_SOON', message)
  }

  all(): readonly Signer[] {
    return this.#all
  }

  /** Whether it leaves enough for a leaf to be of use. */
  canSign({ span }: { readonly span: Span }): boolean {
    return span.notAfter - this.#options.now() >= this.#options.leafMs / 2
  }
}
