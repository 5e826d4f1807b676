import {
  BREAKER_FAILED_SHARE,
  BREAKER_FAILURES_IN_ROW,
  BREAKER_PROBE_MS_MAX,
  BREAKER_REOPEN_MS_MAX,
  BREAKER_REOPEN_MS_MIN,
  BREAKER_SLOT_MS,
  BREAKER_VOLUME_MIN,
} from './limits.ts'

/*
 * A circuit breaker for one instance:
 *
 * - closed: all pass. Opens after 5 failures in a row, or when half of at least 20 requests in 5 to 10 s failed
 * - open: none pass, for half a second, then twice as long after each probe that fails, 5 s at most
 * - half-open: one probe passes; its success closes, its failure opens, and what else comes back says nothing
 *
 * A failure is: no connection, no answer in time, or an answer that says the instance cannot work (502, 503, 504).
 * A refusal (4xx) is a success: the instance works.
 */
export interface BreakerState {
  readonly mode: 'closed' | 'open' | 'half-open'
  readonly failuresInRow: number
  /** The rolling window is two slots: this one and the one before. */
  readonly slotStart: number
  readonly total: number
  readonly failed: number
  readonly totalBefore: number
  readonly failedBefore: number
  /** How often it opened without closing in between. */
  readonly opened: number
  /** Open: when a probe may pass. Half-open: when the probe counts as lost. */
  readonly nextProbeAt: number
}
export type BreakerEvent =
  | 'probe-sent'
  | 'probe-succeeded'
  | 'probe-failed'
  /** It succeeded, and one more is wanted before all may pass. */
  | 'probe-repeated'
  | 'succeeded'
  | 'failed'
  /** Somebody else has found that the instance does not work, or that it does. */
  | 'tripped'
  | 'reset'

export const CLOSED: BreakerState = Object.freeze({
  mode: 'closed',
  failuresInRow: 0,
  slotStart: 0,
  total: 0,
  failed: 0,
  totalBefore: 0,
  failedBefore: 0,
  opened: 0,
  nextProbeAt: 0,
})

/** Whether a request may pass at `now` (milliseconds, of any clock that does not go back). */
export function mayPass(state: BreakerState, now: number): boolean {
  return state.mode === 'closed' || now >= state.nextProbeAt
}

/** The state after an event. */
export function nextState(state: BreakerState, event: BreakerEvent, now: number): BreakerState {
  switch (event) {
    case 'probe-sent':
      return { ...state, mode: 'half-open', nextProbeAt: now + BREAKER_PROBE_MS_MAX }
    case 'probe-succeeded':
      return state.mode === 'half-open' ? CLOSED : state
    case 'probe-failed':
      return state.mode === 'half-open' ? open(state, now) : state
    case 'probe-repeated':
      return state.mode === 'half-open' ? { ...state, nextProbeAt: now } : state
    case 'tripped':
      return state.mode === 'open' ? state : open(state, now)
    case 'reset':
      return CLOSED
    default:
      return state.mode === 'closed' ? count(state, event === 'failed', now) : state
  }
}

function count(state: BreakerState, failure: boolean, now: number): BreakerState {
  const slots = now - state.slotStart < BREAKER_SLOT_MS ? state : nextSlot(state, now)
  const counted = {
    ...slots,
    failuresInRow: failure ? slots.failuresInRow + 1 : 0,
    total: slots.total + 1,
    failed: slots.failed + (failure ? 1 : 0),
  }
  return failure && isBroken(counted) ? open(counted, now) : counted
}

function nextSlot(state: BreakerState, now: number): BreakerState {
  const fresh = now - state.slotStart < 2 * BREAKER_SLOT_MS
  return {
    ...state,
    slotStart: now,
    total: 0,
    failed: 0,
    totalBefore: fresh ? state.total : 0,
    failedBefore: fresh ? state.failed : 0,
  }
}

function isBroken(state: BreakerState): boolean {
  const total = state.total + state.totalBefore
  const failed = state.failed + state.failedBefore
  const mostly = total >= BREAKER_VOLUME_MIN && failed >= total * BREAKER_FAILED_SHARE
  return mostly || state.failuresInRow >= BREAKER_FAILURES_IN_ROW
}

function open(state: BreakerState, now: number): BreakerState {
  const waitMs = Math.min(BREAKER_REOPEN_MS_MIN * 2 ** state.opened, BREAKER_REOPEN_MS_MAX)
  return { ...CLOSED, mode: 'open', opened: state.opened + 1, nextProbeAt: now + waitMs }
}

/** What a request was let in as. A probe must report with `leave`. */
export type Entry = 'normal' | 'probe'

/** The breaker of one instance. */
export interface Breaker {
  readonly mode: BreakerState['mode']
  /** Whether `enter` would let a request in. */
  readonly available: boolean
  /** Lets a request in, or not. */
  enter(): Entry | undefined
  /** Reports how it went. Requests that the caller gave up need no report, except a probe: it counts as failed. */
  leave(entry: Entry, succeeded: boolean): void
  /** In place of `leave`: a probe that succeeded, after which one more is wanted. */
  repeat(): void
  /** Opens it, whatever was counted. */
  trip(): void
  /** Closes it, whatever was counted. */
  reset(): void
}

/** Makes a closed breaker. `onChange` is called with each new mode. */
export function createBreaker(
  options: { now?: () => number; onChange?: (mode: BreakerState['mode']) => void } = {},
): Breaker {
  const { now = () => performance.now(), onChange } = options
  let state = CLOSED
  // Successes in a row change nothing but a number: they are put into the state when something else happens.
  let passed = 0
  const apply = (event: BreakerEvent, at = now()): void => {
    const { mode, total } = state
    state = nextState(passed === 0 ? state : { ...state, total: total + passed }, event, at)
    passed = 0
    if (state.mode !== mode) onChange?.(state.mode)
  }
  const succeed = (): void => {
    const at = now()
    const { mode, failuresInRow, slotStart } = state
    if (mode === 'closed' && failuresInRow === 0 && at - slotStart < BREAKER_SLOT_MS) passed++
    else apply('succeeded', at)
  }
  return {
    get mode() {
      return state.mode
    },
    get available() {
      return state.mode === 'closed' || mayPass(state, now())
    },
    enter() {
      if (state.mode === 'closed') return 'normal'
      if (!mayPass(state, now())) return undefined
      apply('probe-sent')
      return 'probe'
    },
    leave(entry, succeeded) {
      if (entry === 'probe') apply(succeeded ? 'probe-succeeded' : 'probe-failed')
      else if (succeeded) succeed()
      else apply('failed')
    },
    repeat: () => apply('probe-repeated'),
    trip: () => apply('tripped'),
    reset: () => apply('reset'),
  }
}
