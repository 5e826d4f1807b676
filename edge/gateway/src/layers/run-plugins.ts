import type { Layer, Passed } from '../compose.ts'
import type { Stage } from '../plugins/bound-chain.ts'
import { runAccess } from '../plugins/run-access.ts'
import { respondAnswered } from '../respond.ts'

/** Asks the plugins whose place is here. One that answers ends the request's way down. */
export const runPlugins =
  (stage: Stage): Layer =>
  (exchange, next) => {
    const asked = exchange.plugins
    if (asked === undefined) return next(exchange)
    const go = (): Passed => {
      if (asked.answered !== undefined) return respondAnswered(exchange, asked.answered)
      if (exchange.preflight !== undefined) throw exchange.preflight
      return next(exchange)
    }
    const waiting = runAccess(asked, stage)
    return waiting === undefined ? go() : waiting.then(go)
  }
