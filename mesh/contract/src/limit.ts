/*
 * Limits are written the way people say them: `5/second per person`, or several windows at once,
 * `5/second, 1000/hour per person`. All windows of a limit are decided together.
 */
const WINDOW_SECONDS = { second: 1, minute: 60, hour: 3_600, day: 86_400 } as const

export type WindowName = keyof typeof WINDOW_SECONDS
export type LimitScope = 'person' | 'caller' | 'address'
type Rate = `${number}/${WindowName}`
/** At most so many requests in a calendar window, counted for each person, calling workload or client address. */
export type Limit =
  | `${Rate} per ${LimitScope}`
  | `${Rate}, ${Rate} per ${LimitScope}`
  | `${Rate}, ${Rate}, ${Rate} per ${LimitScope}`

export interface LimitWindow {
  readonly name: WindowName
  readonly seconds: number
  /** How many requests may pass in one window. */
  readonly max: number
}
export interface ParsedLimit {
  readonly scope: LimitScope
  /** Shortest window first. */
  readonly windows: readonly LimitWindow[]
}

const LIMIT = /^(.+) per (person|caller|address)$/
const RATE = /^([1-9][0-9]{0,8})\/(second|minute|hour|day)$/

/** Reads a limit; a text says what is wrong with it. A longer window must not allow less than a shorter one. */
export function parseLimit(text: unknown): ParsedLimit | string {
  if (typeof text !== 'string') return 'has no limit; write for example "5/second per person"'
  const [, rates = '', scope] = LIMIT.exec(text) ?? []
  const windows: LimitWindow[] = []
  for (const rate of rates.split(',')) {
    const [, max, name] = RATE.exec(rate.trim()) ?? []
    if (name === undefined)
      return `has the limit ${JSON.stringify(text)}, which is not of the form "5/second, 1000/hour per person"`
    windows.push({
      name: name as WindowName,
      seconds: WINDOW_SECONDS[name as WindowName],
      max: Number(max),
    })
  }
  windows.sort((a, b) => a.seconds - b.seconds)
  for (const [i, longer] of windows.entries()) {
    const shorter = windows[i - 1]
    if (shorter === undefined) continue
    if (shorter.seconds === longer.seconds)
      return `names the window "${longer.name}" twice in its limit`
    if (longer.max < shorter.max) return `allows less per ${longer.name} than per ${shorter.name}`
  }
  return { scope: scope as LimitScope, windows }
}
