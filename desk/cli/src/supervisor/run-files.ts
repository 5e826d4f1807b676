import { audit } from '@countersign/contract/platform'
import { writeFileAtomic } from '@countersign/ground/store'
import type { Log } from '@countersign/ground/telemetry'
import { alertRulesFile } from '../checkout.ts'
import type { Config } from '../config/config.ts'
import { pinKey } from '../home/audit-pins.ts'
import type { Layout } from '../home/layout.ts'
import type { DeskWorkload } from './desk-workload.ts'
import { publicUrl } from './plan.ts'
import type { ProcessSpec } from './process-spec.ts'
import { prometheusConfig } from './prometheus-config.ts'
import { writeSeeds } from './seeds.ts'

/** Leaves on disk what others need of this run: where the mesh is, the configuration of Prometheus, the log's key. */
export async function writeRunFiles(options: {
  specs: readonly ProcessSpec[]
  config: Config
  layout: Layout
  desk: DeskWorkload | undefined
  log: Log
}): Promise<void> {
  const { specs, config, layout, desk, log } = options
  const { trustDomain } = config
  const seeds = specs.map(({ name, port }) => ({ name, host: '127.0.0.1', port }))
  await writeSeeds(layout, { trustDomain, publicUrl: publicUrl(config), seeds })
  const rules = alertRulesFile()
  await writeFileAtomic(layout.prometheus, prometheusConfig({ specs, layout, trustDomain, rules }))
  const answer = await desk?.link.call(audit).key()
  if (answer === undefined || (await pinKey(layout, answer.key)) !== 'changed') return
  // A log with another key than before is not the log of before: somebody should look.
  log.error({ noted: layout.auditKey }, 'the audit log has another key than the one that was noted')
}
