import { LEARNING_MS } from '@countersign/detection'
import { readSettings } from '@countersign/ground/config'
import { deriveKey, masterKeyFrom, type SealKey } from '@countersign/ground/seal'
import type { Env } from '@countersign/service'
import { z } from 'zod'

export interface Settings {
  /** Folder of the log. */
  readonly folder: string
  /** Seals the key of the log. */
  readonly sealKey: SealKey
  /** How long detection takes every edge of the mesh as normal, from the first event on. */
  readonly learningMs: number
}

/** Reads the settings of the audit log. Throws `ConfigError`. */
export function readAuditSettings(env: Env): Settings {
  const settings = readSettings(env, {
    COUNTERSIGN_STATE: z.string().min(1),
    COUNTERSIGN_DETECTION_LEARNING_SECONDS: z.coerce
      .number()
      .int()
      .min(0)
      .max(30 * 86_400)
      .default(LEARNING_MS / 1_000),
  })
  return {
    folder: settings.COUNTERSIGN_STATE,
    sealKey: deriveKey(masterKeyFrom(env), 'audit log key'),
    learningMs: settings.COUNTERSIGN_DETECTION_LEARNING_SECONDS * 1_000,
  }
}
