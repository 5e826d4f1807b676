import { join } from 'node:path'
import { audit } from '@countersign/contract/platform'
import type { Built, Env, Part, Workload } from '@countersign/service'
import { bringUp } from './bring-up.ts'
import { Catalogue } from './catalogue/catalogue.ts'
import { Collector } from './collector.ts'
import { readAuditSettings, type Settings } from './config/settings.ts'
import { type KeptDetection, openDetection } from './detection.ts'
import { createEvents } from './events.ts'
import { createHandlers } from './handlers.ts'
import { CHECKPOINT_INTERVAL_MS } from './limits.ts'
import { EntryReader } from './log/entry-reader.ts'
import { openLog } from './log/open-log.ts'
import { Queries } from './query.ts'

/** The audit log, as a part of the platform. */
export const part: Part = {
  name: 'audit',
  create: (workload: Workload, env: Env) => createAudit(workload, readAuditSettings(env)),
}

/** Opens the log of a folder and serves the contract `audit`. Throws `LogError`. */
export async function createAudit(at: AuditWorkload, settings: Settings): Promise<Built> {
  const { folder, sealKey } = settings
  // The catalogue comes first: its file is the lock of the folder.
  const catalogue = Catalogue.open(join(folder, 'catalogue.sqlite'))
  try {
    const opened = await openLog({ folder, origin: `${at.trustDomain}/audit`, sealKey })
    const detection = await openDetection({ ...settings, log: at.log })
    return await serveLog(at, { ...opened, catalogue, detection })
  } catch (error) {
    catalogue.close()
    throw error
  }
}

type AuditWorkload = Pick<Workload, 'trustDomain' | 'instance' | 'log' | 'metrics'>
type Opened = Awaited<ReturnType<typeof openLog>> & {
  readonly catalogue: Catalogue
  readonly detection: KeptDetection
}

async function serveLog(at: AuditWorkload, opened: Opened): Promise<Built> {
  const { instance } = at
  const { log, read, catalogue, detection } = opened
  const reader = new EntryReader(log, read)
  const events = createEvents(at, log)
  const detect = detection.observe
  const collector = new Collector({ log, reader, catalogue, detect, instance, events })
  await bringUp({ catalogue, log, reader, collector, instance })
  const queries = new Queries(catalogue, reader)
  collector.onCommitted = () => queries.wake()
  const signing = setInterval(() => {
    log.integrate().catch((error) => events.notSigned(error))
  }, CHECKPOINT_INTERVAL_MS)
  const end = async (): Promise<void> => {
    clearInterval(signing)
    queries.close()
    await Promise.all([log.close(), detection.close()]).finally(() => catalogue.close())
  }
  let ended: Promise<void> | undefined
  return {
    contract: audit,
    handlers: createHandlers({ ...opened, reader, collector, queries }) as Built['handlers'],
    ready: () => collector.ready,
    close: () => (ended ??= end()),
  }
}
