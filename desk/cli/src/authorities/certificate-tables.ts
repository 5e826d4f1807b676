import type { CertificateView, Quorum } from '@countersign/contract/platform'
import type { Colours } from '../terminal/colours.ts'
import { printable } from '../terminal/printable.ts'
import { left } from '../terminal/status-table.ts'
import { table } from '../terminal/table.ts'

/** Letters of a key id or a serial that people are shown; commands take what is shown. */
const SHOWN = 16
export const short = (id: string): string => id.slice(0, SHOWN)

/** How long something still lives, with the moment itself. */
export function ends(notAfter: number, now: number, colours: Colours): string {
  const text = left(notAfter - now)
  return `${notAfter <= now ? colours.red(text) : text} ${colours.dim(iso(notAfter))}`
}
export const iso = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}Z`

export function rootsTable(roots: Quorum['roots'], colours: Colours, now: number): string {
  return table(
    ['root', 'state', 'key', 'ends'].map(colours.bold),
    roots.map((root) => [
      short(root.id),
      stateWord(root.state, colours),
      root.keyIsHere ? 'here' : colours.dim('elsewhere'),
      ends(root.notAfter, now, colours),
    ]),
  )
}

export function intermediatesTable(
  authorities: Quorum['authorities'],
  colours: Colours,
  now: number,
): string {
  const rows = authorities.flatMap(({ instance, intermediates }) =>
    intermediates.map((each) => [
      instance,
      short(each.id),
      short(each.root),
      stateWord(each.state, colours),
      ends(each.notAfter, now, colours),
    ]),
  )
  return table(['authority', 'intermediate', 'root', 'state', 'ends'].map(colours.bold), rows)
}

export function certificatesTable(
  certificates: readonly CertificateView[],
  colours: Colours,
  now: number,
): string {
  const rows = certificates.map((each) => [
    short(each.serial),
    printable(each.name),
    each.kind,
    each.usedBy ?? colours.dim('-'),
    short(each.issuer),
    each.revokedAt === undefined
      ? ends(each.notAfter, now, colours)
      : `${colours.red('revoked')} ${colours.dim(iso(each.revokedAt))}`,
  ])
  return table(['certificate', 'name', 'kind', 'used by', 'issuer', 'ends'].map(colours.bold), rows)
}

function stateWord(state: Quorum['roots'][number]['state'], colours: Colours): string {
  if (state === 'active') return colours.green(state)
  return state === 'next' ? colours.yellow(state) : colours.dim(state)
}
