import type { PlatformStatus } from '../supervisor/control-protocol.ts'
import type { Colours } from './colours.ts'
import { printable } from './printable.ts'
import { table } from './table.ts'

/** The table of `up` and `status`: processes, then engines with the one in use and why. */
export function statusTable(status: PlatformStatus, colours: Colours, now: number): string {
  const { bold, dim } = colours
  const health = (text: string): string => {
    if (text === 'ready' || text === 'up') return colours.green(text)
    return ['external', 'off'].includes(text) ? dim(text) : colours.yellow(text)
  }
  const processes = table(
    ['process', 'pid', 'health', 'certificate', 'identity'].map(bold),
    status.processes.map((each) => [
      each.name,
      each.pid === null ? '-' : String(each.pid),
      health(each.health),
      each.certificate === null ? '-' : left(Date.parse(each.certificate.notAfter) - now),
      each.spiffeId,
    ]),
  )
  const engines = table(
    ['engine', 'pid', 'health', 'in use', 'why'].map(bold),
    status.engines.map((each) => [
      each.name,
      each.pid === null ? '-' : String(each.pid),
      health(each.health),
      each.version === null ? each.inUse : `${each.inUse} ${each.version}`,
      dim(each.why),
    ]),
  )
  const pages = status.authorityPages.map((page) => `${dim('authority page')}  ${page}`)
  const notes = [...pages, ...waiting(status, colours), ...staleness(status, colours, now)]
  return [processes, engines, ...(notes.length === 0 ? [] : [notes.join('\n')])].join('\n\n')
}

function waiting({ processes }: PlatformStatus, { yellow }: Colours): string[] {
  return processes.flatMap(({ name, waitsFor }) =>
    waitsFor === null ? [] : [yellow(printable(`${name} waits for ${waitsFor}`))],
  )
}

/** While no authority answers the last list of revocations counts, and after its end nobody believes anybody. */
function staleness({ processes }: PlatformStatus, { yellow }: Colours, now: number): string[] {
  const stale = processes.flatMap(({ trust }) => (trust?.stale === true ? [trust.nextUpdate] : []))
  if (stale.length === 0) return []
  const first = Math.min(...stale.map((end) => Date.parse(end)))
  return [
    yellow(
      `${stale.length} of ${processes.length} have no word from an authority; the last list of revocations counts for another ${left(first - now)}`,
    ),
  ]
}

/** `59 min`: how long a certificate still lives. */
export function left(ms: number): string {
  if (!(ms > 0)) return 'expired'
  const seconds = Math.round(ms / 1000)
  if (seconds < 120) return `${seconds} s`
  const minutes = Math.round(seconds / 60)
  if (minutes < 120) return `${minutes} min`
  const hours = Math.round(minutes / 60)
  return hours < 72 ? `${hours} h` : `${Math.round(hours / 24)} d`
}
