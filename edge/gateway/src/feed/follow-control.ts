import { join } from 'node:path'
import { control } from '@countersign/contract/platform'
import { deriveKey } from '@countersign/ground/seal'
import type { Workload } from '@countersign/service'
import type { Settings } from '../config/settings.ts'
import type { Events } from '../events.ts'
import type { Routes } from '../routes.ts'
import type { Ways } from '../upstream/ways.ts'
import { ControlFeed } from './control-feed.ts'
import { KEEPS_NOTHING, keepIn } from './kept-configuration.ts'

interface FollowParts {
  readonly routes: Routes
  readonly events: Events
  readonly ways: Pick<Ways, 'mark'>
  /** Told of each configuration that is served from now on. */
  readonly onChange: () => void
}

/** Serves what the control plane says, and before that what was kept of it. */
export function followControl(
  { state, masterKey }: Settings,
  workload: Workload<'gateway'>,
  { routes, events, ways, onChange }: FollowParts,
): ControlFeed {
  const key = masterKey === undefined ? undefined : deriveKey(masterKey, 'gateway configuration')
  return new ControlFeed({
    ask: (question, signal) =>
      workload
        .call(control)
        .configuration({ query: { ...question, instance: workload.instance } }, { signal }),
    keeper: state === undefined ? KEEPS_NOTHING : keepIn(join(state, 'configuration'), key),
    apply: ({ config, version, overrides }) => {
      const faults = routes.apply(config)
      if (faults.length > 0) return faults
      ways.mark(overrides)
      events.configured(version)
      onChange()
      return faults
    },
    log: workload.log,
  })
}
