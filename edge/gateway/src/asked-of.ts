import type { Asked } from './domain/operator/arm.ts'
import type { Exchange } from './exchange.ts'

/** What an exchange is matched by. */
export function askedOf(exchange: Exchange): Asked {
  const { connection, request } = exchange
  return {
    method: exchange.method,
    path: exchange.path ?? '/',
    host: exchange.host,
    port: exchange.port,
    headers: request.headers,
    sni: connection.sni,
    address: connection.address,
    doorPort: connection.doorPort,
  }
}
