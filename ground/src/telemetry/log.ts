import { pino, type DestinationStream, type Logger } from 'pino'

export type Log = Logger

/** A log that writes ECS JSON lines. Texts of others are escaped by JSON and cut at `TEXT_MAX` characters. */
export function createLog(options: {
  service: string
  node: string
  level?: string
  destination?: DestinationStream
}): Log {
  return pino(
    {
      level: options.level ?? 'info',
      messageKey: 'message',
      timestamp: () => `,"@timestamp":"${new Date().toISOString()}"`,
      base: {
        'ecs.version': '9.0.0',
        'service.name': options.service,
        'service.node.name': options.node,
      },
      formatters: { level: (label) => ({ 'log.level': label }) },
      serializers: { err: errorFields },
      redact: {
        paths: [
          'authorization',
          '*.authorization',
          'cookie',
          '*.cookie',
          'password',
          '*.password',
          'cardNumber',
          '*.cardNumber',
        ],
        censor: '[redacted]',
      },
    },
    ...(options.destination === undefined ? [] : [options.destination]),
  )
}

function errorFields(thrown: unknown): Record<string, unknown> {
  if (!(thrown instanceof Error)) return { message: String(thrown) }
  const code = 'code' in thrown ? { code: String(thrown.code) } : {}
  return { type: thrown.name, message: thrown.message, ...code, stack_trace: thrown.stack }
}
