import { readFile } from 'node:fs/promises'
import { writeFileAtomic } from '@countersign/ground/store'
import { systemCode } from '../errors.ts'
import type { Layout } from './layout.ts'

/*
 * What is noted of the audit log outside of it: its public key, from the first start, and the last checkpoint that was
 * proven. By the first a log that was exchanged is found, by the second one whose end was cut off.
 */
export interface AuditPins {
  readonly key: string | undefined
  readonly checkpoint: string | undefined
}

export async function readPinned(layout: Layout): Promise<AuditPins> {
  const [key, checkpoint] = await Promise.all([read(layout.auditKey), read(layout.auditCheckpoint)])
  return { key: key?.trim(), checkpoint }
}

/** Notes the key of the log at the first start. Says `changed` where another was noted before, and keeps that one. */
export async function pinKey(layout: Layout, key: string): Promise<'noted' | 'known' | 'changed'> {
  const { key: before } = await readPinned(layout)
  if (before !== undefined) return before === key ? 'known' : 'changed'
  await writeFileAtomic(layout.auditKey, `${key}\n`, 0o644)
  return 'noted'
}

/** Notes a checkpoint that was proven. */
export async function keepCheckpoint(
  layout: Layout,
  checkpoint: Uint8Array | undefined,
): Promise<void> {
  if (checkpoint !== undefined) await writeFileAtomic(layout.auditCheckpoint, checkpoint)
}

async function read(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined
    throw error
  }
}
