import { isIPv4 } from 'node:net'

/** Whether a host is this machine: a unix socket's path or a loopback address. Only such stores are used without TLS. */
export function isNearby(host: string): boolean {
  if (host.startsWith('/') || host === 'localhost' || host === '::1' || host === '[::1]')
    return true
  return isIPv4(host) && host.startsWith('127.')
}
