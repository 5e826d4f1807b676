import { readSettings } from '@countersign/ground/config'
import type { Env } from '@countersign/service'
import { z } from 'zod'
import { type AllowAddress, allowAddresses } from '../domain/check-address.ts'

export interface Settings {
  /** The registry's own folder. */
  readonly folder: string
  readonly allow: AllowAddress
}

/**
 * `COUNTERSIGN_STATE`: the folder of the snapshot. `REGISTRY_ADDRESSES`: addresses beside the loopback at which
 * instances may be, separated by commas: `10.0.0.0/8,192.0.2.7,orders.internal`. Throws `ConfigError`.
 */
export function readRegistrySettings(env: Env): Settings {
  const read = readSettings(env, {
    COUNTERSIGN_STATE: z.string().min(1),
    REGISTRY_ADDRESSES: z.string().default('').transform(readAddresses),
  })
  return { folder: read.COUNTERSIGN_STATE, allow: read.REGISTRY_ADDRESSES }
}

function readAddresses(text: string, context: z.RefinementCtx): AllowAddress {
  const list = text.split(',').map((entry) => entry.trim())
  const allow = allowAddresses(list.filter((entry) => entry !== ''))
  if (typeof allow === 'function') return allow
  for (const entry of allow.unreadable) {
    const message = `${JSON.stringify(entry)} is no address, network (10.0.0.0/8) or host name`
    context.addIssue({ code: 'custom', message })
  }
  return z.NEVER
}
