import type { FlatHeaders } from '@countersign/ground/http1'

/* How the body of an answer is framed (RFC 9112 section 6). */

export const LAST_CHUNK: Buffer = Buffer.from('0\r\n\r\n')

/** Whether an answer has no body, whatever its headers say (RFC 9110 section 6.4.1). */
export function isBodiless(method: string, status: number): boolean {
  return method === 'HEAD' || status === 204 || status === 304
}

/**
 * The `content-length` among headers, or -1. Throws `TypeError` where there are two, or one that is none, or a header that
 * only the door may write.
 */
export function declaredLength(headers: FlatHeaders): number {
  let found = -1
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = headers[i] ?? ''
    if (name.length === 14) {
      if (name.toLowerCase() !== 'content-length') continue
      const value = headers[i + 1] ?? ''
      if (found !== -1 || !/^[0-9]{1,15}$/.test(value))
        throw new TypeError('this content-length cannot be written')
      found = Number(value)
    } else if (name.length === 10 || name.length === 17) {
      const lower = name.toLowerCase()
      if (lower === 'connection' || lower === 'keep-alive' || lower === 'transfer-encoding')
        throw new TypeError(`${lower} is written by the door alone`)
    }
  }
  return found
}

/** One chunk, in one piece. */
export function chunkOf(data: Buffer): Buffer {
  const line = `${data.length.toString(16)}\r\n`
  const bytes = Buffer.allocUnsafe(line.length + data.length + 2)
  bytes.write(line, 0, 'latin1')
  data.copy(bytes, line.length)
  bytes.write('\r\n', line.length + data.length, 'latin1')
  return bytes
}
