import { addressSetting, ConfigError, readSettings } from '@countersign/ground/config'
import { deriveKey, masterKeyFrom, type SealKey } from '@countersign/ground/seal'
import type { Env } from '@countersign/service'
import { z } from 'zod'

export interface Settings {
  readonly folder: string
  /** Seals entities, history and exports. */
  readonly sealKey: SealKey
  readonly listen: { readonly host: string; readonly port: number }
  /** Names that a Host header may have. */
  readonly hosts: ReadonlySet<string>
  /** The declarative file, where that is the configuration. */
  readonly file: string | undefined
  /** Modules with plugins of the user's own. */
  readonly plugins: readonly string[]
}

const LOOPBACK = /^(?:127(?:\.[0-9]{1,3}){3}|localhost)$/

/** Reads the settings of the control plane. Throws `ConfigError`. */
export function readControlSettings(env: Env): Settings {
  const settings = readSettings(env, {
    COUNTERSIGN_STATE: z.string().min(1),
    CONTROL_ADMIN_LISTEN: addressSetting.default({ host: '127.0.0.1', port: 8001 }),
    CONTROL_ADMIN_HOSTS: z.string().default('localhost,127.0.0.1,[::1],kong'),
    CONTROL_FILE: z.string().min(1).optional(),
    CONTROL_PLUGINS: z.string().default(''),
  })
  const listen = settings.CONTROL_ADMIN_LISTEN
  // It speaks plain HTTP, as Kong's does: keys would be seen on any other interface.
  if (!LOOPBACK.test(listen.host))
    throw new ConfigError(['CONTROL_ADMIN_LISTEN: must be on loopback, since it is plain HTTP'])
  return {
    folder: settings.COUNTERSIGN_STATE,
    sealKey: deriveKey(masterKeyFrom(env), 'gateway configuration'),
    listen,
    hosts: new Set(
      settings.CONTROL_ADMIN_HOSTS.toLowerCase()
        .split(',')
        .map((each) => each.trim()),
    ),
    file: settings.CONTROL_FILE,
    plugins: settings.CONTROL_PLUGINS.split(',').filter((each) => each !== ''),
  }
}
