import { connect, createSecureContext, type TLSSocket } from 'node:tls'
import type { SpiffeId } from '@countersign/ground/spiffe'
import type { PeerProver } from './peer-prover.ts'
import type { Revocable, RevocationList } from './revocation-list.ts'
import {
  type Address,
  type Connector,
  establish,
  PROTOCOL_NAMES,
  readerFor,
  type TlsOptions,
  type WireProtocol,
} from './upstream-establish.ts'

/** The live certificate of the calling workload. */
export interface ClientIdentity {
  /** PEM: the chain, leaf first, and the private key. */
  current(): { readonly chain: string; readonly key: string }
  /** PEM of the roots to trust. */
  bundle(): string
  /** Called after each renewal, and when the roots have changed. Returns the way to stop listening. */
  onChange(listener: () => void): () => void
  /** What the authorities have taken back. */
  readonly revocations: RevocationList
}

/** What a connection has proven. */
export interface PeerEvidence {
  readonly peerId: SpiffeId
  /** Lower case hex without leading zeros. */
  readonly peerSerial: string
  /** What revocations name. */
  readonly revocable: Revocable
  readonly peerNotBefore: Date
  readonly peerNotAfter: Date
  readonly tlsVersion: string
  readonly cipher: string
  readonly resumed: boolean
}

export interface ConnectorOptions {
  readonly address: Address
  readonly expectedId: SpiffeId
  readonly identity: ClientIdentity
  /** For the identity's bundle. */
  readonly prover: PeerProver
  /** Told of each connection that has passed. */
  readonly onPeer: (evidence: PeerEvidence, socket: TLSSocket) => void
  /** CONNECT_TIMEOUT_MS where nothing else is said. */
  readonly timeoutMs?: number | undefined
  readonly protocol: WireProtocol
}

/*
 * A connection to a workload. Before any byte of a request is sent:
 *
 *  1. TLS 1.3, our certificate shown, the protocol agreed that is going to be spoken
 *  2. the chain of the other side ends in a root of our bundle and in no other: OpenSSL says so, and our own path
 *     validation as well, which also looks at what OpenSSL leaves to others
 *  3. its certificate is a well-formed X.509-SVID, and within its time: a resumed session would not ask again
 *  4. its SPIFFE id is exactly the expected one; names of hosts mean nothing here
 *  5. it was not taken back, and somebody can tell
 *
 * A resumed session shows no certificate: it continues a connection that has passed these rules, and inherits its proof.
 * So a session is kept only after the proof, and only within one connector, which serves one certificate of ours and one
 * expected id.
 */
interface Remembered {
  readonly session: Buffer
  readonly peer: PeerEvidence
}

/** Makes the connections to a workload. Throws where certificate, key or bundle cannot be used. */
export function createConnector(options: ConnectorOptions): Connector {
  const { address, expectedId, identity, protocol } = options
  const { chain, key } = identity.current()
  const secureContext = createSecureContext({
    cert: chain,
    key,
    ca: identity.bundle(),
    minVersion: 'TLSv1.3',
  })
  let last: Remembered | undefined
  return (onRead, done) => {
    // A session of who is believed no more is forgotten: its proof counts no longer.
    if (last !== undefined && identity.revocations.refusalOf(last.peer.revocable)) last = undefined
    const offered = last
    const session = offered === undefined ? {} : { session: offered.session }
    return establish(
      {
        ...{ address, whom: expectedId, event: 'secureConnect', timeoutMs: options.timeoutMs },
        open: (onread) =>
          connect({
            ...tlsOptions(address, protocol),
            ...{ secureContext, ...session, ...readerFor(protocol, onread) },
          }),
        judge: (socket) => {
          const peer = provePeer(socket as TLSSocket, options, offered?.peer)
          if (typeof peer === 'string') return peer
          options.onPeer(peer, socket as TLSSocket)
          socket.on('session', (session: Buffer) => {
            last = { session, peer }
          })
          return undefined
        },
      },
      onRead,
      done,
    )
  }
}

const tlsOptions = (address: Address, protocol: WireProtocol): TlsOptions => ({
  ...address,
  minVersion: 'TLSv1.3',
  ALPNProtocols: [protocol],
  rejectUnauthorized: true,
  // the SPIFFE id is checked in its place, see provePeer
  checkServerIdentity: () => undefined,
})

/** Rules 1 to 5, by what the finished handshake shows. A text says what is wrong. */
function provePeer(
  socket: TLSSocket,
  options: ConnectorOptions,
  inherited: PeerEvidence | undefined,
): PeerEvidence | string {
  if (!socket.authorized) return 'its chain is not trusted'
  if (socket.alpnProtocol !== options.protocol)
    return `it does not agree on ${PROTOCOL_NAMES[options.protocol]}`
  const resumed = socket.isSessionReused()
  const peer = resumed && inherited !== undefined ? inherited : readPeer(socket, options)
  if (typeof peer === 'string') return peer
  if (!(peer.peerNotBefore.getTime() <= Date.now() && Date.now() < peer.peerNotAfter.getTime()))
    return 'its certificate is not within its time'
  const refusal = options.identity.revocations.refusalOf(peer.revocable)
  return refusal === undefined ? { ...peer, resumed } : refusalText(refusal)
}

/** What is said of a peer that is not believed. */
export const refusalText = (refusal: 'REVOKED' | 'LIST_TOO_OLD'): string =>
  refusal === 'REVOKED'
    ? 'its certificate was taken back'
    : 'what was taken back is not known any more: no authority has answered in time'

function readPeer(
  socket: TLSSocket,
  { prover, expectedId }: ConnectorOptions,
): PeerEvidence | string {
  const verdict = prover.prove(socket, 'server')
  if (!verdict.ok) return verdict.fault
  const { id, serial, lineage, notBefore, notAfter } = verdict
  if (id !== expectedId) return `it is ${id}`
  return {
    peerId: id,
    peerSerial: serial,
    revocable: { serial, lineage },
    peerNotBefore: new Date(notBefore),
    peerNotAfter: new Date(notAfter),
    tlsVersion: socket.getProtocol() ?? '',
    cipher: socket.getCipher().name,
    resumed: false,
  }
}
