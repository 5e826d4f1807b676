import { control } from '@countersign/contract/platform'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Desk } from '../desk.ts'
import { SERVED_LOOK_MS, SERVED_WAIT_MS } from '../limits.ts'
import { withDeskLink } from '../mesh/desk-link.ts'

/** What a gateway runs with. */
export interface GatewayState {
  readonly instance: string
  readonly applied: number
  readonly fault: string | null
  readonly seen: number
  readonly present: boolean
}
export interface GatewayStates {
  /** The newest version. */
  readonly version: number
  readonly gateways: readonly GatewayState[]
}

export function readStates(desk: Desk): Promise<GatewayStates> {
  return withDeskLink(desk, (link) => link.call(control).state())
}

export const serves = (state: GatewayState, version: number): boolean =>
  state.fault === null && state.applied >= version

/** Waits, for a bounded time, until every gateway that is there serves this version, or has said why it cannot. */
export function waitUntilServed(desk: Desk, version: number): Promise<GatewayStates> {
  const end = performance.now() + SERVED_WAIT_MS
  return withDeskLink(desk, async (link) => {
    for (;;) {
      const states = await link.call(control).state()
      const present = states.gateways.filter((each) => each.present)
      const settled = present.every((each) => serves(each, version) || each.fault !== null)
      if ((present.length > 0 && settled) || performance.now() >= end) return states
      await sleep(SERVED_LOOK_MS)
    }
  })
}

/** Whether a version is in force, in a sentence. */
export function servedLine({ gateways }: GatewayStates, version: number): string {
  const present = gateways.filter((each) => each.present)
  const late = present.filter((each) => !serves(each, version)).map(({ instance }) => instance)
  if (present.length === 0) return 'no gateway is there; they take it over when they are back'
  if (late.length > 0)
    return `not served yet by ${late.join(', ')}; see: countersign gateway status`
  return `served by ${present.map(({ instance }) => instance).join(', ')}`
}
