import { X509Certificate } from 'node:crypto'
import type { TLSSocket } from 'node:tls'
import { messageOf } from '@countersign/ground/errors'
import { type PeerVerdict, readPem, validatePeer } from '@countersign/ground/x509'

/**
 * The second opinion on who is at the other side of a connection, beside OpenSSL's: by our own path validation, with
 * the roots as they are now. Both doors of a workload share what was verified before.
 */
export class PeerProver {
  readonly #identity: OwnIdentity
  #roots: readonly X509Certificate[] = []
  #rootsOf: string | undefined
  #issuers: readonly Buffer[] = []
  #issuersOf: string | undefined

  constructor(identity: OwnIdentity) {
    this.#identity = identity
  }

  /** `peer`: the connection, after its handshake; later on its certificate. `purpose`: what the other side is. Never throws. */
  prove(peer: TLSSocket | X509Certificate, purpose: 'client' | 'server'): PeerVerdict {
    try {
      const roots = this.#currentRoots()
      // A server always shows its issuers. Of a client that agrees on no protocol Node does not tell them.
      const fallback = purpose === 'client' ? this.#ownIssuers() : []
      return validatePeer(peer, { roots, now: Date.now(), purpose, fallback })
    } catch (error) {
      return {
        ok: false,
        fault: `our own trust bundle or chain cannot be read: ${messageOf(error)}`,
      }
    }
  }

  /** The same array as long as the bundle is the same: what was verified is remembered with it. */
  #currentRoots(): readonly X509Certificate[] {
    const bundle = this.#identity.bundle()
    if (bundle !== this.#rootsOf) {
      this.#roots = readPem(bundle, 'CERTIFICATE').map((der) => new X509Certificate(der))
      this.#rootsOf = bundle
    }
    return this.#roots
  }
  /** Others are likely to be below the same ones as we are. */
  #ownIssuers(): readonly Buffer[] {
    const { chain } = this.#identity.current()
    if (chain !== this.#issuersOf) {
      this.#issuers = readPem(chain, 'CERTIFICATE').slice(1)
      this.#issuersOf = chain
    }
    return this.#issuers
  }
}

/** Its roots, and the chain that it shows. Both may change at any time. */
interface OwnIdentity {
  bundle(): string
  current(): { readonly chain: string }
}

const provers = new WeakMap<object, PeerProver>()
/** The one prover of an identity. */
export function proverOf(identity: OwnIdentity): PeerProver {
  let prover = provers.get(identity)
  if (prover === undefined) {
    prover = new PeerProver(identity)
    provers.set(identity, prover)
  }
  return prover
}
