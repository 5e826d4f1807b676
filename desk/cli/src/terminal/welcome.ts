import { relative } from 'node:path'
import type { Config } from '../config/config.ts'
import type { Desk } from '../desk.ts'
import { programWords } from '../program-words.ts'
import { isWell, type PlatformStatus } from '../supervisor/control-protocol.ts'
import { DEMO_ORDER } from '../tour/demo-order.ts'
import { curlLine } from './curl-line.ts'
import { statusTable } from './status-table.ts'

/** What `up` says when all is ready, or as ready as it came in time: the table, and a line that works as it stands. */
export function welcome(desk: Desk, facts: { config: Config; status: PlatformStatus }): string {
  const { layout, env, folder, output } = desk
  const { status } = facts
  const { bold, dim, green, yellow } = output.colours
  const took = status.timeline.at(-1)?.ms
  const seconds =
    took === undefined ? '' : ` ${isWell(status) ? 'in' : 'after'} ${(took / 1000).toFixed(1)} s`
  const near = (path: string): string => {
    const way = relative(folder, path)
    return way.startsWith('..') ? path : way
  }
  return [
    statusTable(status, output.colours, Date.now()),
    '',
    `${isWell(status) ? green('ready') : yellow('not all is ready')}${seconds}  ${bold(status.publicUrl)}  ${dim(`people and passwords: ${near(layout.credentials)}`)}`,
    '',
    'Place an order:',
    '',
    curlLine({
      program: programWords(folder),
      home: env.COUNTERSIGN_HOME,
      bundle: near(layout.bundle),
      url: `${status.publicUrl}/orders`,
      body: DEMO_ORDER,
    }),
  ].join('\n')
}
