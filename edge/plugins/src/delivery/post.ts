import type { PluginTools } from '@countersign/kong'
import { RECEIPT_BYTES_MAX } from './limits.ts'

/** Sends a payload to a receiver. Rejects unless the answer is 2xx: redirects are not followed. */
export async function post(
  fetch: PluginTools['fetch'],
  request: {
    readonly url: string
    readonly method?: string
    readonly headers: Readonly<Record<string, string>>
    readonly body: string
    readonly timeoutMs: number
  },
): Promise<void> {
  const { status } = await fetch({ method: 'POST', ...request, bytesMax: RECEIPT_BYTES_MAX })
  if (status < 200 || status > 299) throw new Error(`the receiver answered ${status}`)
}
