import { readSettings } from '@countersign/ground/config'
import { deriveKey, masterKeyFrom, type SealKey } from '@countersign/ground/seal'
import type { Env } from '@countersign/service'
import { z } from 'zod'

export interface Settings {
  /** Folder of the log. */
  readonly folder: string
  /** Seals the key of the log. */
  readonly sealKey: SealKey
}

/** Reads the settings of the audit log. Throws `ConfigError`. */
export function readAuditSettings(env: Env): Settings {
  const { COUNTERSIGN_STATE } = readSettings(env, { COUNTERSIGN_STATE: z.string().min(1) })
  return { folder: COUNTERSIGN_STATE, sealKey: deriveKey(masterKeyFrom(env), 'audit log key') }
}
