import { Agent, request } from 'node:https'
import type { Leaf } from './pki.ts'

/** `fetch` with a trust of its own and, where there is one, a client certificate. Follows no redirect. */
export function fetchWith(root: string, leaf?: Leaf): { fetch: typeof fetch; close(): void } {
  const agent = new Agent({ ca: root, ...leaf, keepAlive: true })
  const send = (url: string | URL | Request, init: RequestInit = {}): Promise<Response> =>
    new Promise((resolve, reject) => {
      const { method = 'GET', body } = init
      const headers = Object.fromEntries(new Headers(init.headers))
      const outgoing = request(url.toString(), { agent, method, headers }, (incoming) => {
        const chunks: Buffer[] = []
        incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
        incoming.on('error', reject)
        incoming.on('end', () => {
          const received = new Headers()
          for (const [name, values = []] of Object.entries(incoming.headersDistinct)) {
            for (const value of values) received.append(name, value)
          }
          const status = incoming.statusCode ?? 0
          resolve(new Response(Buffer.concat(chunks), { status, headers: received }))
        })
      })
      outgoing.on('error', reject)
      outgoing.end(body === undefined || body === null ? undefined : String(body))
    })
  return { fetch: send, close: () => agent.destroy() }
}
