import type { Desk } from '../desk.ts'
import { withDoor } from '../door/with-door.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { withDeskLink } from '../mesh/desk-link.ts'
import { readSeeds } from '../supervisor/seeds.ts'
import { perform } from '../tour/perform.ts'
import { renderTour, reportOf } from '../tour/report.ts'

/** `countersign tour`: 0 when every step and hop is proven, 1 with the name of the first that is not. */
export async function tour(desk: Desk, options: { json?: boolean }): Promise<ExitCode> {
  const evidence = await withDoor(desk, (door) =>
    withDeskLink(desk, async (link) => {
      const { trustDomain } = await readSeeds(desk.layout)
      return perform({ desk, door, link, trustDomain })
    }),
  )
  const report = reportOf(evidence)
  if (options.json === true) desk.output.json(report)
  else desk.output.line(renderTour(report, desk.output.colours))
  return report.ok ? EXIT.ok : EXIT.failed
}
