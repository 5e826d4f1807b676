import type { LimitState, LimitVerdict } from './limiter.ts'
import { addRateHeaders } from './rate-headers.ts'

/*
 * The headers of rate-headers.ts as lines of a head, for the data path: most verdicts are of one window, of which only three
 * numbers change, so the text between them is made once.
 */
type Verdict = Pick<LimitVerdict, 'allowed' | 'windows' | 'retryAfterSeconds'>

const KNOWN_MAX = 256
/** By name of the window, then by what may pass in it. */
const known = new Map<string, Map<number, readonly string[]>>()

/** The headers that tell a caller where it stands, each line with its CR LF. */
export function rateLines(verdict: Verdict): string {
  const [only, second] = verdict.windows
  if (!verdict.allowed || only === undefined || second !== undefined || changes(only)) {
    const flat: string[] = []
    addRateHeaders(flat, verdict)
    return linesOf(flat)
  }
  const { remaining, resetSeconds } = only
  const [a = '', b = '', c = '', d = '', e = ''] = partsOf(only)
  return `${a}${remaining}${b}${remaining}${c}${resetSeconds}${d}${remaining}${e}${resetSeconds}\r\n`
}

/** Months and years are not always as long; a bucket may be told in any number of seconds. */
const changes = ({ name }: LimitState): boolean =>
  name !== 'second' && name !== 'minute' && name !== 'hour' && name !== 'day'

function partsOf(state: LimitState): readonly string[] {
  const found = known.get(state.name)?.get(state.max)
  if (found !== undefined) return found
  const byMax = known.get(state.name) ?? new Map<number, readonly string[]>()
  if (byMax.size >= KNOWN_MAX) byMax.clear()
  known.set(state.name, byMax)
  const parts = makeParts(state)
  byMax.set(state.max, parts)
  return parts
}

/** What stands around the numbers, found by writing signs in their place. */
function makeParts(state: LimitState): readonly string[] {
  const sign = Number.MAX_SAFE_INTEGER
  const flat: string[] = []
  const windows = [{ ...state, remaining: sign, resetSeconds: sign }]
  addRateHeaders(flat, { allowed: true, windows, retryAfterSeconds: 0 })
  return linesOf(flat).split(String(sign)).slice(0, -1)
}

function linesOf(flat: readonly string[]): string {
  let lines = ''
  for (let i = 0; i + 1 < flat.length; i += 2) lines += `${flat[i]}: ${flat[i + 1]}\r\n`
  return lines
}
