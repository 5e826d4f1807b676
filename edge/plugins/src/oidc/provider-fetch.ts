import type { PluginTools } from '@countersign/kong'
import type { CustomFetch } from 'openid-client'
import { ISSUER_BYTES_MAX } from '../limits.ts'

/** The guarded fetch of the gateway, as `openid-client` wants one. */
export function providerFetch(tools: PluginTools, timeoutMs: number): CustomFetch {
  return async (url, { method, headers, body }) => {
    const answer = await tools.fetch({
      ...{ url, method, headers, timeoutMs, bytesMax: ISSUER_BYTES_MAX },
      ...(body === undefined || body === null ? {} : { body: String(body) }),
    })
    const received = new Headers()
    for (let i = 0; i + 1 < answer.headers.length; i += 2)
      received.append(answer.headers[i] ?? '', answer.headers[i + 1] ?? '')
    const hasBody = answer.body.length > 0
    return new Response(hasBody ? new Uint8Array(answer.body) : null, {
      status: answer.status,
      headers: received,
    })
  }
}
