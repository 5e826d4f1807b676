import { connect, createSecureContext, type SecureContext, type TLSSocket } from 'node:tls'
import { messageOf } from '@countersign/ground/errors'
import type { SpiffeId } from '@countersign/ground/spiffe'
import type { buildConnector } from 'undici'
import { CONNECT_TIMEOUT_MS } from './limits.ts'
import type { PeerProver } from './peer-prover.ts'
import type { Revocable, RevocationList } from './revocation-list.ts'
import { UpstreamError } from './upstream-error.ts'

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
  readonly address: { readonly host: string; readonly port: number }
  readonly expectedId: SpiffeId
  readonly identity: ClientIdentity
  /** For the identity's bundle. */
  readonly prover: PeerProver
  /** Told of each connection that has passed. */
  readonly onPeer: (evidence: PeerEvidence, socket: TLSSocket) => void
}

/*
 * A connection to a workload. Before any byte of a request is sent:
 *
 *  1. TLS 1.3, our certificate shown, HTTP/1.1 agreed
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

/** Makes the connect function of a pool. Throws where certificate, key or bundle cannot be used. */
export function createConnector(options: ConnectorOptions): buildConnector.connector {
  const { chain, key } = options.identity.current()
  const secureContext = createSecureContext({
    cert: chain,
    key,
    ca: options.identity.bundle(),
    minVersion: 'TLSv1.3',
  })
  let last: Remembered | undefined
  return (_asked, callback) => {
    // A session of who is believed no more is forgotten: its proof counts no longer.
    if (last !== undefined && options.identity.revocations.refusalOf(last.peer.revocable)) {
      last = undefined
    }
    const offered = last
    const socket = openSocket(options.address, secureContext, offered?.session)
    const finish = (error: UpstreamError | null): void => {
      clearTimeout(timer)
      socket.off('error', onError)
      if (error === null) callback(null, socket)
      else {
        socket.on('error', () => undefined).destroy()
        callback(error, null)
      }
    }
    const onError = (error: Error): void =>
      finish(
        new UpstreamError(codeOf(error, socket), describe(options, messageOf(error)), {
          cause: error,
        }),
      )
    const timer = setTimeout(
      () => finish(new UpstreamError('CONNECT_FAILED', describe(options, 'took too long'))),
      CONNECT_TIMEOUT_MS,
    )
    socket.once('error', onError).once('secureConnect', () => {
      const peer = provePeer(socket, options, offered?.peer)
      if (typeof peer === 'string')
        finish(new UpstreamError('PEER_REFUSED', describe(options, peer)))
      else {
        options.onPeer(peer, socket)
        socket.on('session', (session: Buffer) => {
          last = { session, peer }
        })
        finish(null)
      }
    })
  }
}

function openSocket(
  { host, port }: ConnectorOptions['address'],
  secureContext: SecureContext,
  session: Buffer | undefined,
): TLSSocket {
  const socket = connect({
    host,
    port,
    secureContext,
    minVersion: 'TLSv1.3',
    ALPNProtocols: ['http/1.1'],
    rejectUnauthorized: true,
    // the SPIFFE id is checked in its place, see provePeer
    checkServerIdentity: () => undefined,
    ...(session === undefined ? {} : { session }),
  })
  return socket.setNoDelay(true).setKeepAlive(true, 30_000)
}

/** Rules 1 to 5, by what the finished handshake shows. A text says what is wrong. */
function provePeer(
  socket: TLSSocket,
  options: ConnectorOptions,
  inherited: PeerEvidence | undefined,
): PeerEvidence | string {
  if (!socket.authorized) return 'its chain is not trusted'
  if (socket.alpnProtocol !== 'http/1.1') return 'it does not agree on HTTP/1.1'
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

/** Errors of certificates are about who answers; all others about whether someone does. */
function codeOf(error: Error, socket: TLSSocket): 'PEER_REFUSED' | 'CONNECT_FAILED' {
  // Null at runtime, whatever the types say, where OpenSSL has found nothing wrong with the chain.
  const verdict: unknown = socket.authorizationError
  const code = 'code' in error ? String(error.code) : ''
  return typeof verdict === 'string' ||
    /CERT|SIGNATURE|ISSUER|SELF_SIGNED|ERR_SSL|ERR_TLS/.test(code)
    ? 'PEER_REFUSED'
    : 'CONNECT_FAILED'
}

const describe = ({ address, expectedId }: ConnectorOptions, what: string): string =>
  `${expectedId} at ${address.host}:${address.port}: ${what}`
