import {
  CHECKS_TO_EJECT,
  CHECKS_TO_READMIT,
  EJECT_MS,
  EJECT_MS_MAX,
  FORGIVE_MS,
} from '../limits.ts'

/** What the balancer knows of one gateway. Times are milliseconds of a clock that never goes back. */
export interface GatewayState {
  /** `host:port` of its public listener. */
  readonly address: string
  readonly connections: number
  readonly healthy: boolean
  /** It has passed a check. One that has not may still be starting. */
  readonly met: boolean
  /** Checks in a row with the outcome that would change `healthy`. */
  readonly streak: number
  /** Ejections that followed soon on each other. */
  readonly ejections: number
  readonly ejectedUntil: number
  readonly readmittedAt: number
}
type HealthEffect = 'ejected' | 'readmitted' | undefined
export interface HealthStep {
  readonly state: GatewayState
  readonly effect: HealthEffect
}

/** A gateway that was not met yet is believed to be well: the first connection will tell. */
export function newGateway(address: string): GatewayState {
  return {
    address,
    connections: 0,
    healthy: true,
    met: false,
    streak: 0,
    ejections: 0,
    ejectedUntil: Number.NEGATIVE_INFINITY,
    readmittedAt: Number.NEGATIVE_INFINITY,
  }
}

/**
 * A gateway did not take a connection (`connect`), or did not pass a health check (`check`).
 * The first ejects it at once, the second after some in a row.
 */
export function fail(state: GatewayState, kind: 'connect' | 'check', now: number): HealthStep {
  if (!state.healthy) return { state: { ...state, streak: 0 }, effect: undefined }
  const streak = state.streak + 1
  if (kind === 'check' && streak < CHECKS_TO_EJECT)
    return { state: { ...state, streak }, effect: undefined }
  if (!state.met) return { state: { ...state, healthy: false, streak: 0 }, effect: 'ejected' }
  const soon = now - state.readmittedAt < FORGIVE_MS
  const ejections = soon ? state.ejections + 1 : 1
  const outMs = Math.min(EJECT_MS * 2 ** (ejections - 1), EJECT_MS_MAX)
  return {
    state: { ...state, healthy: false, streak: 0, ejections, ejectedUntil: now + outMs },
    effect: 'ejected',
  }
}

/**
 * A gateway passed a health check. Only checks readmit: no client pays for finding out. One that is met for the first
 * time has nothing to be forgiven.
 */
export function pass(state: GatewayState, now: number): HealthStep {
  if (state.healthy) return { state: { ...state, met: true, streak: 0 }, effect: undefined }
  if (!state.met)
    return { state: { ...state, met: true, healthy: true, streak: 0 }, effect: 'readmitted' }
  if (now < state.ejectedUntil) return { state, effect: undefined }
  const streak = state.streak + 1
  if (streak < CHECKS_TO_READMIT) return { state: { ...state, streak }, effect: undefined }
  return {
    state: { ...state, healthy: true, streak: 0, readmittedAt: now },
    effect: 'readmitted',
  }
}
