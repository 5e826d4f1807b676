import {
  addressListSetting,
  addressSetting,
  countSetting,
  readSettings,
} from '@countersign/ground/config'
import type { Env } from '@countersign/service'

const CONNECTIONS_MAX = 1_000_000

export interface Settings {
  /** The public door. `localhost` stands for both loopback addresses. */
  readonly listen: { readonly host: string; readonly port: number }
  /** Public listeners of the gateways, for as long as the registry does not know any. */
  readonly gateways: readonly { readonly host: string; readonly port: number }[]
  readonly connectionsMax: number
  readonly connectionsPerSourceMax: number
}

/** Reads `BALANCER_*`. Throws `ConfigError` with all mistakes at once. */
export function readBalancerSettings(env: Env): Settings {
  const read = readSettings(env, {
    BALANCER_LISTEN: addressSetting.default({ host: '127.0.0.1', port: 8443 }),
    BALANCER_GATEWAYS: addressListSetting,
    BALANCER_CONNECTIONS_MAX: countSetting(CONNECTIONS_MAX).default(16_384),
    BALANCER_CONNECTIONS_PER_SOURCE_MAX: countSetting(CONNECTIONS_MAX).default(4_096),
  })
  return {
    listen: read.BALANCER_LISTEN,
    gateways: read.BALANCER_GATEWAYS,
    connectionsMax: read.BALANCER_CONNECTIONS_MAX,
    connectionsPerSourceMax: read.BALANCER_CONNECTIONS_PER_SOURCE_MAX,
  }
}
