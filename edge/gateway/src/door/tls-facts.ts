import type { X509Certificate } from 'node:crypto'
import type { TLSSocket } from 'node:tls'
import { leafOf } from '@countersign/ground/x509'
import { addressKey } from '@countersign/layers'
import type { ConnectionFacts } from '../exchange.ts'
import { PEER_CHAIN_MAX } from '../limits.ts'
import type { Source } from './connections.ts'

/** What is known of a connection. What few requests ask for is looked up when they do. */
export class TlsFacts implements ConnectionFacts {
  readonly #socket: TLSSocket
  readonly #source: Source
  #certificates: readonly Buffer[] | undefined
  readonly sni: string | undefined
  readonly source: string
  forwarded: ConnectionFacts['forwarded']

  constructor(socket: TLSSocket, source: Source) {
    this.#socket = socket
    this.#source = source
    this.source = addressKey(source.address)
    // Node tells `false` where there was none.
    const { servername } = socket as { servername?: unknown }
    this.sni = typeof servername === 'string' ? servername.toLowerCase() : undefined
  }
  get address(): string {
    return this.#source.address
  }
  get doorPort(): number {
    return this.#source.port
  }
  get uniqueId(): string | undefined {
    return this.#source.uniqueId
  }
  get tlsVersion(): string {
    return this.#socket.getProtocol() ?? 'unknown'
  }
  get tlsCipher(): string {
    return this.#socket.getCipher()?.standardName ?? 'unknown'
  }
  certificates(): readonly Buffer[] {
    this.#certificates ??= chainOf(leafOf(this.#socket))
    return this.#certificates
  }
}

/** Leaf first, as sent; a self-signed certificate is its own issuer. */
function chainOf(leaf: X509Certificate | undefined): readonly Buffer[] {
  const chain: Buffer[] = []
  for (
    let at = leaf;
    at !== undefined && chain.length < PEER_CHAIN_MAX;
    at = at.issuerCertificate
  ) {
    if (chain.at(-1)?.equals(at.raw) === true) break
    chain.push(at.raw)
  }
  return chain
}
