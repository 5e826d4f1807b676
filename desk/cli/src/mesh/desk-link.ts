import { createLog, Metrics } from '@countersign/ground/telemetry'
import { type Connected, connect } from '@countersign/service'
import type { Desk } from '../desk.ts'
import { DeskError } from '../errors.ts'
import { currentLock } from '../home/lock.ts'
import { notRunning } from '../supervisor/control-client.ts'
import { readSeeds } from '../supervisor/seeds.ts'
import { folderIdentity } from './folder-identity.ts'

/** A command's way into the mesh, as the workload `desk`. `use` gets it for as long as it runs. */
export async function withDeskLink<T>(
  desk: Desk,
  use: (link: Connected<'desk'>) => Promise<T>,
): Promise<T> {
  const { layout } = desk
  if (currentLock(layout) === undefined) throw notRunning(layout)
  const { trustDomain, seeds } = await readSeeds(layout)
  const identity = await folderIdentity(layout.identity('desk'))
  const log = createLog({ service: 'desk', node: 'desk', level: 'silent' })
  const link = connect({ name: 'desk', trustDomain, identity, seeds, log, metrics: new Metrics() })
  try {
    return await use(link)
  } catch (error) {
    if (error instanceof DeskError) throw error
    throw error
  } finally {
    await link.close()
  }
}
