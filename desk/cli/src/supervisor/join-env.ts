import { isReservedName } from '@countersign/contract'
import type { Env } from '@countersign/service'
import { DeskError } from '../errors.ts'
import type { Layout } from '../home/layout.ts'
import { ownFolder } from '../home/prepare.ts'
import type { DeskWorkload } from './desk-workload.ts'

/**
 * All that a service of a user needs to join, with a fresh token for its name. Throws `DeskError` for a name of the
 * platform itself and for a process that the platform runs already.
 */
export async function joinEnv(
  wanted: { readonly name: string; readonly number: number },
  facts: {
    mesh: Env
    layout: Layout
    desk: DeskWorkload | undefined
    /** Instances that the platform runs itself. */
    own: readonly string[]
  },
): Promise<Env> {
  const { name, number } = wanted
  const { mesh, layout, desk, own } = facts
  if (isReservedName(name))
    throw new DeskError('FAILED', `${name} is a name of the platform itself; choose another`)
  if (desk === undefined) throw new DeskError('FAILED', 'the platform is still starting')
  const instance = `${name}-${number}`
  if (own.includes(instance))
    throw new DeskError('FAILED', `${instance} runs already; add --number 2 for another of them`)
  const state = layout.part(instance)
  await ownFolder(state)
  return {
    ...mesh,
    COUNTERSIGN_INSTANCE: instance,
    COUNTERSIGN_LISTEN: '127.0.0.1:0',
    COUNTERSIGN_STATE: state,
    COUNTERSIGN_JOIN_TOKEN: await desk.mintToken(name),
  }
}
