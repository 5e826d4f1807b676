import { messageOf } from '@countersign/ground/errors'
import type { Log } from '@countersign/ground/telemetry'
import type { PluginRecord } from '@countersign/kong'
import type { Exchange } from '../exchange.ts'
import { pick } from './bound-chain.ts'
import type { PluginExchange } from './plugin-exchange.ts'

/** Tells the plugins what has become of a request, after the answer has left. What one throws keeps no other from it. */
export function runLog(exchange: Exchange, log: Log): void {
  const asked = exchange.plugins
  if (asked === undefined || asked.chain.log.length === 0) return
  const record = recordOf(exchange, asked)
  for (const slot of asked.chain.log) {
    const bound = pick(slot, asked.consumer?.id)
    try {
      bound?.instance.log?.(record)
    } catch (error) {
      log.warn({ plugin: bound?.name, reason: messageOf(error) }, 'a plugin could not log')
    }
  }
}

function recordOf(exchange: Exchange, asked: PluginExchange): PluginRecord {
  const { passage } = asked
  const totalMs = performance.now() - exchange.startedAt
  const { upstreamMs } = exchange
  return {
    asked,
    status: exchange.status,
    answerHeaders: passage.answerHeaders,
    source: passage.source,
    requestBytes: passage.requestBytes,
    answerBytes: passage.answerBytes,
    totalMs,
    upstreamMs,
    gatewayMs: Math.max(0, totalMs - (upstreamMs ?? 0)),
    tries: passage.tries,
  }
}
