/*
 * Whether browsers are told to come by TLS only (RFC 6797): by every name that is somebody's, and neither by `localhost`,
 * where other programs of a developer's machine may speak without TLS, nor by an address, where it would have no effect.
 */
export const TRANSPORT_SECURITY = 'strict-transport-security'
/** A year, which the preload list of browsers asks for. Of names below this one nothing is said: they may be elsewhere. */
export const TRANSPORT_SECURITY_VALUE = 'max-age=31536000'

/** `host` is in lower case and without its port; empty where it is not known. */
export function isStrict(host: string): boolean {
  if (host === '' || host === 'localhost' || host.endsWith('.localhost')) return false
  const first = host.charCodeAt(0)
  const last = host.charCodeAt(host.length - 1)
  const isAddress = first === 0x5b || (last >= 0x30 && last <= 0x39)
  return !isAddress
}
