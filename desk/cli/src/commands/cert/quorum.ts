import { authoritiesOf } from '../../authorities/authorities.ts'
import { ends, iso, short } from '../../authorities/certificate-tables.ts'
import { type Standing, type Standings, standingsOf } from '../../authorities/quorum-views.ts'
import type { Desk } from '../../desk.ts'
import { EXIT, type ExitCode } from '../../exit-codes.ts'
import type { Colours } from '../../terminal/colours.ts'
import { printable } from '../../terminal/printable.ts'
import { table } from '../../terminal/table.ts'

/** `countersign cert quorum`: 0 when all authorities are up and hold the same state of trust, 1 otherwise. */
export async function quorum(desk: Desk, options: { json?: boolean }): Promise<ExitCode> {
  const answers = await authoritiesOf(desk).askAll((client) => client.quorum())
  const standings = standingsOf(answers)
  const { output } = desk
  if (options.json === true) output.json(standings)
  else output.line(render(standings, output.colours, Date.now()))
  for (const each of answers)
    if ('fault' in each) output.note(printable(`no answer from ${each.at}: ${each.fault}`))
  return standings.allUp && standings.agree ? EXIT.ok : EXIT.failed
}

function render(standings: Standings, colours: Colours, now: number): string {
  const rows = standings.authorities.map((each) => {
    const active = each.intermediates.find(({ state }) => state === 'active')
    return [
      each.instance,
      health(each, colours),
      each.sequence?.toString() ?? '-',
      each.revision === undefined ? '-' : short(each.revision),
      active === undefined ? colours.red('none') : short(active.id),
      active === undefined ? '-' : ends(active.notAfter, now, colours),
    ]
  })
  const heads = ['authority', 'health', 'sequence', 'revision', 'intermediate', 'until']
  // State travels within a second; what differs in one look may be on its way.
  const word = standings.agree
    ? colours.green('They agree.')
    : colours.red('They do not agree; a state that stays so for longer than 10 s is a fault.')
  return `${table(heads.map(colours.bold), rows)}\n\n${word}`
}

function health({ up, seenAt }: Standing, colours: Colours): string {
  if (up) return colours.green('up')
  return `${colours.red('down')}${seenAt === undefined ? '' : ` ${colours.dim(`since ${iso(seenAt)}`)}`}`
}
