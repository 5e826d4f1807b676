import { rm } from 'node:fs/promises'
import { wipe } from '@countersign/engines'
import type { Log } from '@countersign/ground/telemetry'
import type { Layout } from './layout.ts'

/** Forgets everything. The caller has made sure that nothing runs on it. PostgreSQL's data can lie elsewhere, for root. */
export async function wipeHome(layout: Layout, log: Log): Promise<void> {
  await wipe(layout.postgres, log)
  await rm(layout.root, { recursive: true, force: true })
  if (layout.sockets !== layout.run) await rm(layout.sockets, { recursive: true, force: true })
}
