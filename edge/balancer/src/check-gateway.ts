import { connect } from 'node:net'
import { encodeProxyV2 } from '@countersign/ground/http1'

const LOCAL = encodeProxyV2({ command: 'local' })

/**
 * Asks a gateway whether it lives, on the very port that clients will be sent to and without a TLS handshake:
 * a PROXY header that says "health check", then our end. A process that reads its sockets ends its side too; one
 * that hangs, or whose port only the kernel still answers, does not.
 * Resolves with what is wrong, or `undefined`. Never rejects.
 */
export function checkGateway(
  gateway: { readonly host: string; readonly port: number },
  timeoutMs: number,
): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ ...gateway, noDelay: true })
    const timer = setTimeout(() => done('did not answer in time'), timeoutMs)
    const done = (fault: string | undefined): void => {
      clearTimeout(timer)
      socket.destroy()
      resolve(fault)
    }
    socket.once('connect', () => socket.end(LOCAL))
    socket.once('end', () => done(undefined))
    socket.once('error', (error: NodeJS.ErrnoException) => done(error.code ?? error.message))
    socket.resume()
  })
}
