import type { Socket } from 'node:net'
import {
  PROXY_V2_PREFIX_BYTES,
  parseProxyV2,
  type ProxyHeader,
  proxyV2Remainder,
} from '@countersign/ground/http1'
import { PROXY_HEADER_BYTES_MAX, PROXY_HEADER_TIMEOUT_MS } from '../limits.ts'

/**
 * Reads the PROXY header at the beginning of a connection: exactly its bytes and not one more. What follows stays in the
 * socket, unread, for TLS. Resolves `undefined` where there is no well-formed header in time. Never rejects.
 */
export function readProxyHeader(socket: Socket): Promise<ProxyHeader | undefined> {
  return new Promise((resolve) => {
    let prefix: Buffer | undefined
    const finish = (header: ProxyHeader | undefined): void => {
      clearTimeout(timer)
      socket.off('readable', onReadable).off('close', onClose)
      resolve(header)
    }
    const timer = setTimeout(() => finish(undefined), PROXY_HEADER_TIMEOUT_MS)
    const onClose = (): void => finish(undefined)
    const onReadable = (): void => {
      prefix ??= take(socket, PROXY_V2_PREFIX_BYTES)
      if (prefix === undefined) return
      const remainder = proxyV2Remainder(prefix)
      if (remainder === undefined || remainder > PROXY_HEADER_BYTES_MAX) {
        finish(undefined)
        return
      }
      const rest = remainder === 0 ? Buffer.alloc(0) : take(socket, remainder)
      if (rest !== undefined) finish(parseProxyV2(Buffer.concat([prefix, rest])))
    }
    socket.on('readable', onReadable).on('close', onClose)
    onReadable()
  })
}

/** `size` bytes, or nothing while there are fewer. At the end of a stream Node gives fewer: that is no header. */
function take(socket: Socket, size: number): Buffer | undefined {
  const bytes = socket.read(size) as Buffer | null
  return bytes === null ? undefined : bytes
}
