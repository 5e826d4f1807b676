import { type Agent, request as open } from 'node:https'
import type { Fetch } from 'http-cache-tests/client/runner.mjs'

interface Init {
  readonly method?: string
  readonly headers?: readonly (readonly [name: string, value: string])[]
  readonly body?: string
}
/** A fetch that sends what it is told and nothing else: the one of Node adds Cache-Control of its own. No redirects. */
export const plainFetch =
  (agent: Agent): Fetch =>
  (url, init: Init = {}) => {
    const { promise, resolve, reject } = Promise.withResolvers<unknown>()
    const target = new URL(url)
    const request = open(target, {
      agent,
      method: init.method ?? 'GET',
      headers: [...(init.headers ?? []), ['host', target.host], ...lengthOf(init.body)].flat(),
    })
    request.on('error', reject)
    request.on('response', (response) => {
      const headers = new Headers()
      const { rawHeaders } = response
      for (let i = 0; i + 1 < rawHeaders.length; i += 2)
        headers.append(rawHeaders[i] ?? '', rawHeaders[i + 1] ?? '')
      response.toArray().then((chunks: Buffer[]) => {
        const text = Buffer.concat(chunks).toString()
        const { statusCode: status, statusMessage: statusText } = response
        resolve({ status, statusText, headers, text: () => Promise.resolve(text) })
      }, reject)
    })
    request.end(init.body)
    return promise
  }
const lengthOf = (body: string | undefined): [string, string][] =>
  body === undefined ? [] : [['content-length', String(Buffer.byteLength(body))]]
