import type { Env } from '@countersign/service'
import { type Layout, layoutOf, stateFolder } from './home/layout.ts'
import type { Ask } from './terminal/ask.ts'
import type { Output } from './terminal/output.ts'

/** What every command works with: who asked, from where, and which platform is meant. */
export interface Desk {
  readonly env: Env
  /** The folder in which the command was given. */
  readonly folder: string
  readonly layout: Layout
  readonly output: Output
  /** The person at the terminal; `undefined` where none sits there. */
  readonly ask?: Ask | undefined
}

export function openDesk(options: {
  env: Env
  folder: string
  output: Output
  ask?: Ask | undefined
}): Desk {
  return { ...options, layout: layoutOf(stateFolder(options.env, options.folder)) }
}
