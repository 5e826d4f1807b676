import { createHash } from 'node:crypto'
import type { FlatHeaders } from '@countersign/ground/http1'

/*
 * A client's opening handshake of WebSocket over HTTP/1.1 (RFC 6455 section 4.2.1):
 *
 * - GET of HTTP/1.1, without a body and without an expectation
 * - exactly one Upgrade, which is `websocket` and nothing else, and which Connection names
 * - exactly one key, of 16 bytes in base64, and exactly one version, which is 13
 */
interface Asking {
  readonly method: string
  readonly version: string
  readonly length: number | undefined
  readonly headers: FlatHeaders
  /** The protocol that Connection and Upgrade agree on, in lower case. */
  readonly upgrade: string | undefined
}

/** What is wrong with it; `version`: nothing but the version. */
export function checkWebSocket(request: Asking): string | undefined {
  const { method, version, length, headers, upgrade } = request
  const only = (name: string): string | undefined => onlyValue(headers, name)
  if (upgrade !== 'websocket' || only('upgrade')?.toLowerCase() !== 'websocket')
    return 'a change of protocol is asked for'
  if (method !== 'GET' || version !== '1.1' || length !== 0 || only('expect') !== undefined)
    return 'a change to WebSocket is asked for by GET of HTTP/1.1, without a body'
  if (!KEY.test(only('sec-websocket-key') ?? '')) return 'there is not exactly one key of WebSocket'
  const spoken = only('sec-websocket-version')
  if (spoken === '13') return undefined
  return spoken !== undefined && /^[0-9]{1,3}$/.test(spoken)
    ? 'version'
    : 'there is not exactly one version of WebSocket'
}
/** Sixteen bytes: the last character has no bits left over. */
const KEY = /^[A-Za-z0-9+/]{21}[AQgw]==$/

/** What a server answers to a key (RFC 6455 section 4.2.2). */
function acceptOf(key: string): string {
  return createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')
}

/** Why an answer is no agreement to the change; `undefined` where it is. */
export function checkAgreement(headers: FlatHeaders, key: string): string | undefined {
  if (onlyValue(headers, 'upgrade')?.toLowerCase() !== 'websocket')
    return 'it changes to another protocol'
  if (!namesUpgrade(headers)) return 'its Connection does not name the change'
  if (onlyValue(headers, 'sec-websocket-accept') !== acceptOf(key)) return 'it has not read the key'
  return undefined
}

function namesUpgrade(headers: FlatHeaders): boolean {
  for (let i = 0; i + 1 < headers.length; i += 2)
    if (
      headers[i]?.toLowerCase() === 'connection' &&
      headers[i + 1]?.split(',').some((each) => each.trim().toLowerCase() === 'upgrade') === true
    )
      return true
  return false
}

/** The value of a header that is there exactly once; otherwise `undefined`, or an empty text where it is there twice. */
function onlyValue(headers: FlatHeaders, name: string): string | undefined {
  let found: string | undefined
  for (let i = 0; i + 1 < headers.length; i += 2) {
    if (headers[i]?.length !== name.length || headers[i]?.toLowerCase() !== name) continue
    if (found !== undefined) return ''
    found = headers[i + 1] ?? ''
  }
  return found
}
