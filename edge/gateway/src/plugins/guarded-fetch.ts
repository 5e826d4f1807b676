import { lookup } from 'node:dns/promises'
import { request as httpsRequest } from 'node:https'
import { type BlockList, isIP, isIPv4, type LookupFunction } from 'node:net'
import { nodeHttp, plainAddress } from '@countersign/ground/http1'
import type { PluginTools } from '@countersign/kong'
import { isRefused, networks } from '../upstream/address-guard.ts'
import { FETCH_BYTES_MAX, FETCH_TIMEOUT_MS, FETCH_TIMEOUT_MS_MAX } from '../limits.ts'

/*
 * HTTP to places that an operator has configured, guarded against being led elsewhere (server-side request forgery):
 *
 * - https or http; no user or password in the URL; redirects are answers, not followed
 * - the name is resolved once, each address is checked, and the connection goes to the checked address and no other
 * - loopback, link-local, metadata, multicast and unspecified addresses only where a setting allows them
 * - time and size are bounded; TLS is verified by the name
 */
type Fetch = PluginTools['fetch']

/** A fetch that was not made or not finished. */
class FetchError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'FetchError'
  }
}

/** `allow`: addresses and networks that may be asked although they are refused otherwise, as `127.0.0.1` or `10.0.0.0/8`. */
export function createGuardedFetch(options: {
  readonly allow: readonly string[]
  /** PEM of roots to trust beside the ones of the system. */
  readonly ca?: () => readonly string[]
}): Fetch {
  const allowed = networks(options.allow)
  return async (asked) => {
    const url = URL.parse(asked.url)
    if (url === null || (url.protocol !== 'https:' && url.protocol !== 'http:'))
      throw new FetchError('only https and http can be fetched')
    if (url.username !== '' || url.password !== '')
      throw new FetchError('a URL with user or password is not fetched')
    const address = await resolve(url.hostname, allowed)
    return await send(url, address, asked, options.ca?.())
  }
}

async function resolve(hostname: string, allowed: BlockList): Promise<string> {
  const name = hostname.replace(/^\[|\]$/g, '')
  const found = isIP(name) === 0 ? await lookup(name, { all: true }) : [{ address: name }]
  const addresses = found.map(({ address }) => plainAddress(address))
  const good = addresses.find((address) => !isRefused(address, allowed))
  if (good !== undefined) return good
  throw new FetchError(
    `${hostname} leads to an address that may not be asked (GATEWAY_FETCH_ALLOW)`,
  )
}

function send(
  url: URL,
  address: string,
  asked: Parameters<Fetch>[0],
  ca: readonly string[] | undefined,
): ReturnType<Fetch> {
  const timeoutMs = Math.min(asked.timeoutMs ?? FETCH_TIMEOUT_MS, FETCH_TIMEOUT_MS_MAX)
  const bytesMax = Math.min(asked.bytesMax ?? FETCH_BYTES_MAX, FETCH_BYTES_MAX)
  const pinned: LookupFunction = (_name, { all }, done) => {
    const family = isIPv4(address) ? 4 : 6
    if (all === true) done(null, [{ address, family }])
    else done(null, address, family)
  }
  return new Promise((resolvePromise, reject) => {
    const fail = (error: unknown): void =>
      reject(new FetchError(`${url.origin} did not answer properly`, { cause: error }))
    const make = url.protocol === 'https:' ? httpsRequest : nodeHttp.request
    const request = make(url, {
      method: asked.method ?? 'GET',
      headers: { ...asked.headers, connection: 'close' },
      signal: AbortSignal.timeout(timeoutMs),
      agent: false,
      lookup: pinned,
      ...(ca === undefined ? {} : { ca: [...ca] }),
    })
    request.on('error', fail)
    request.on('response', (response) => {
      const chunks: Buffer[] = []
      let size = 0
      response.on('error', fail)
      response.on('data', (chunk: Buffer) => {
        size += chunk.length
        if (size > bytesMax) response.destroy(new FetchError('the answer is too long'))
        else chunks.push(chunk)
      })
      response.on('end', () =>
        resolvePromise({
          status: response.statusCode ?? 0,
          headers: response.rawHeaders,
          body: Buffer.concat(chunks),
        }),
      )
    })
    request.end(asked.body)
  })
}
