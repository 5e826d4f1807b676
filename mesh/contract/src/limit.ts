/*
 * Limits are written the way people say them: `5/second per person`, or several windows at once,
 * `5/second, 1000/hour per person`. All windows of a limit are decided together. `10/second burst 20 per person` is
 * smooth: it has no windows, but a bucket of 20 that is refilled by 10 in each second (GCRA).
 */
/** Nominal length: a month and a year are as long as the calendar says, in UTC. */
export const WINDOW_SECONDS = {
  second: 1,
  minute: 60,
  hour: 3_600,
  day: 86_400,
  month: 2_592_000,
  year: 31_536_000,
} as const

export type WindowName = keyof typeof WINDOW_SECONDS
export type LimitScope = 'person' | 'caller' | 'address'
/** The windows of Kong, shortest first. */
export const WINDOW_NAMES = Object.keys(WINDOW_SECONDS) as readonly WindowName[]

type Rate = `${number}/${WindowName}`
type Windows = Rate | `${Rate}, ${Rate}` | `${Rate}, ${Rate}, ${Rate}`
type Smooth = `${number}/${'second' | 'minute' | 'hour' | 'day'} burst ${number}`
/** At most so many requests in a calendar window, or smoothly, counted for each person, calling workload or address. */
export type Limit = `${Windows | Smooth | `${Smooth}, ${Rate}`} per ${LimitScope}`

export interface LimitWindow {
  readonly name: WindowName
  /** Nominal, for order: a month has 2592000, a year 31536000. See `windowAt` for the real ones. */
  readonly seconds: number
  /** How many requests may pass in one window. */
  readonly max: number
}
/** A bucket of `burst` requests, refilled by `max` in each `seconds`, evenly. */
export interface SmoothRate {
  readonly name: WindowName
  readonly seconds: number
  readonly max: number
  readonly burst: number
}
export interface ParsedLimit {
  readonly scope: LimitScope
  /** Shortest window first. */
  readonly windows: readonly LimitWindow[]
  /** Decided beside the windows, if there are any. */
  readonly smooth?: SmoothRate | undefined
}

const LIMIT = /^(.+) per (person|caller|address)$/
const RATE = /^([1-9][0-9]{0,8})\/(second|minute|hour|day|month|year)(?: burst ([1-9][0-9]{0,5}))?$/

/** Reads a limit; a text says what is wrong with it. A longer window must not allow less than a shorter one. */
export function parseLimit(text: unknown): ParsedLimit | string {
  if (typeof text !== 'string') return 'has no limit; write for example "5/second per person"'
  const [, rates = '', scope] = LIMIT.exec(text) ?? []
  const windows: LimitWindow[] = []
  let smooth: SmoothRate | undefined
  for (const rate of rates.split(',')) {
    const [, max, word, burst] = RATE.exec(rate.trim()) ?? []
    const name = word as WindowName | undefined
    if (name === undefined)
      return `has the limit ${JSON.stringify(text)}, which is not of the form "5/second, 1000/hour per person" or "10/second burst 20 per person"`
    const window = { name, seconds: WINDOW_SECONDS[name], max: Number(max) }
    if (burst === undefined) {
      windows.push(window)
      continue
    }
    if (name === 'month' || name === 'year') return 'has a burst for a window of changing length'
    if (smooth !== undefined) return 'names more than one burst in its limit'
    smooth = { ...window, burst: Number(burst) }
  }
  return limitOfWindows(scope as LimitScope, windows, smooth)
}

/** A limit from numbers, as Kong's configuration has them; a text says what is wrong with it. */
export function calendarLimit(
  scope: LimitScope,
  rates: Readonly<Partial<Record<WindowName, number | undefined>>>,
): ParsedLimit | string {
  const windows: LimitWindow[] = []
  for (const name of WINDOW_NAMES) {
    const max = rates[name]
    if (max === undefined) continue
    if (!(Number.isSafeInteger(max) && max > 0)) return `allows ${max} per ${name}`
    windows.push({ name, seconds: WINDOW_SECONDS[name], max })
  }
  return windows.length === 0 ? 'names no window' : limitOfWindows(scope, windows)
}

function limitOfWindows(
  scope: LimitScope,
  windows: LimitWindow[],
  smooth?: SmoothRate,
): ParsedLimit | string {
  windows.sort((a, b) => a.seconds - b.seconds)
  for (const [i, longer] of windows.entries()) {
    const shorter = windows[i - 1]
    if (shorter === undefined) continue
    if (shorter.seconds === longer.seconds)
      return `names the window "${longer.name}" twice in its limit`
    if (longer.max < shorter.max) return `allows less per ${longer.name} than per ${shorter.name}`
  }
  return smooth === undefined ? { scope, windows } : { scope, windows, smooth }
}

/** A calendar window: from `startMs` until before `endMs`, in milliseconds since 1970, UTC. */
export interface WindowSpan {
  readonly startMs: number
  readonly endMs: number
}

/** The window of this name in which `nowMs` lies. */
export function windowAt(name: WindowName, nowMs: number): WindowSpan {
  if (name === 'month' || name === 'year') {
    const date = new Date(nowMs)
    const [year, month] = [date.getUTCFullYear(), name === 'month' ? date.getUTCMonth() : 0]
    const next: [number, number] = name === 'month' ? [year, month + 1] : [year + 1, 0]
    return { startMs: Date.UTC(year, month), endMs: Date.UTC(...next) }
  }
  const lengthMs = WINDOW_SECONDS[name] * 1_000
  const startMs = Math.floor(nowMs / lengthMs) * lengthMs
  return { startMs, endMs: startMs + lengthMs }
}

/** How people say it: `5/second 1000/hour`, `10/second burst 20`. */
export function limitText({ windows, smooth }: ParsedLimit): string {
  const said = windows.map(({ max, name }) => `${max}/${name}`)
  if (smooth !== undefined) said.unshift(`${smooth.max}/${smooth.name} burst ${smooth.burst}`)
  return said.join(' ')
}
