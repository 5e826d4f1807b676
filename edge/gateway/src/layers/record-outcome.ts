import type { Log } from '@countersign/ground/telemetry'
import type { Frame } from '../compose.ts'
import type { Events } from '../events.ts'
import { runLog } from '../plugins/run-log.ts'

/** Outermost: whatever happened inside, it is counted, and what the contract or a refusal asks for is recorded. */
export const recordOutcome = (events: Events, log: Log): Frame => ({
  enter: () => events.began(),
  leave: (exchange) => {
    events.ended(exchange)
    runLog(exchange, log)
    exchange.release()
  },
})
