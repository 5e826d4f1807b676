import type { SpiffeId } from '../../spiffe/index.ts'
import { OID } from '../../x509/oids.ts'
import * as write from '../../x509/write-extensions.ts'
import {
  type Changes,
  ecKeys,
  forge,
  type Keys,
  keyParts,
  nameOf,
  pemOf,
  type Signer,
  signerOf,
  validity,
} from './forge.fixture.ts'

/** A signer with its certificate. */
export interface Ca extends Signer {
  readonly pem: string
}

const DAY = 86_400_000

/** A trust domain in which everything can be forged. */
export class House {
  readonly id: SpiffeId
  readonly domain: SpiffeId
  readonly now: number
  readonly root: Ca
  readonly issuer: Ca
  readonly keys: Keys = ecKeys()
  readonly validity: Buffer

  constructor(id: SpiffeId, domain: SpiffeId, now: number) {
    this.id = id
    this.domain = domain
    this.now = now
    this.validity = validity(now - DAY, now + DAY)
    this.root = this.newRoot('root')
    this.issuer = this.newCa('intermediate', this.root)
  }

  newRoot(name: string, changes: Changes = {}, keys: Keys = ecKeys()): Ca {
    const self = signerOf(name, keys)
    return {
      ...self,
      pem: this.#ca(self, self, { basic: write.basicConstraints({ pathLength: 2 }), ...changes }),
    }
  }

  newCa(name: string, by: Signer, changes: Changes = {}, keys: Keys = ecKeys()): Ca {
    const self = signerOf(name, keys)
    return { ...self, pem: this.#ca(self, by, changes) }
  }

  #ca(self: Signer, by: Signer, changes: Changes): string {
    const usual = {
      ...{ subject: self.name, validity: this.validity, ...keyParts(self.keys.publicKey) },
      basic: write.basicConstraints({ pathLength: 0 }),
      usage: write.keyUsage('digitalSignature', 'keyCertSign', 'crlSign'),
      names: write.subjectAltName({ uri: this.domain }),
    }
    return forge(by, usual, changes)
  }

  /** The certificate of a workload, with `changes`. */
  leaf(changes: Changes = {}, by: Signer = this.issuer, keys: Keys = this.keys): string {
    const usual = {
      ...{ subject: nameOf('order'), validity: this.validity, ...keyParts(keys.publicKey) },
      basic: write.basicConstraints(),
      usage: write.keyUsage('digitalSignature'),
      extended: write.extendedKeyUsage(OID.serverAuth, OID.clientAuth),
      names: write.subjectAltName({ uri: this.id }),
    }
    return forge(by, usual, changes)
  }

  /** A leaf with `changes` below the honest intermediate. */
  chain(changes: Changes = {}, keys: Keys = this.keys): Shown {
    return { chain: this.leaf(changes, this.issuer, keys) + this.issuer.pem, key: pemOf(keys) }
  }

  /** An honest leaf below other issuers, the nearest first. */
  below(...[nearest, ...above]: readonly [Ca, ...Ca[]]): Shown {
    const pems = [nearest, ...above].map(({ pem }) => pem)
    return { chain: this.leaf({}, nearest) + pems.join(''), key: pemOf(this.keys) }
  }
}

export interface Shown {
  /** PEM, leaf first, without root. */
  readonly chain: string
  /** PEM, PKCS#8. */
  readonly key: string
}
