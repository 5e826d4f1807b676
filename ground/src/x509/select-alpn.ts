import type { X509Certificate } from 'node:crypto'
import type { TLSSocket } from 'node:tls'

/*
 * Where a server finds the issuers that a client has shown. Node hands them out once per connection, linked to the
 * certificate that the first call of `getPeerX509Certificate` returns; since 24.21 and 26.8 it makes that call itself,
 * before anyone hears of the connection (nodejs/node#65579). So it has to be made before, when the handshake is done
 * and nobody was told; and the one way to a connection of a server at that time is its choice of a protocol.
 */
const leaves = new WeakMap<TLSSocket, X509Certificate>()

/**
 * The `ALPNCallback` of a TLS server: takes the first of `protocols` that the client offers as well, or refuses the
 * connection; and keeps the certificates that the client shows for `validatePeer`. A client that offers no protocols
 * comes in without having its issuers kept: those have to be known by then.
 */
export function selectAlpn(
  protocols: readonly string[],
): (this: TLSSocket, offered: { protocols: string[] }) => string | undefined {
  return function select(this: TLSSocket, offered): string | undefined {
    this.prependOnceListener('secure', () => {
      const leaf = this.getPeerX509Certificate()
      if (leaf !== undefined) leaves.set(this, leaf)
    })
    return protocols.find((protocol) => offered.protocols.includes(protocol))
  }
}

/** The certificate of the other side, with its issuers linked to it wherever Node gives them. */
export function leafOf(socket: TLSSocket): X509Certificate | undefined {
  return leaves.get(socket) ?? socket.getPeerX509Certificate()
}
