import type { Contract, Endpoint, Handlers } from '@countersign/contract'
import { run } from './run.ts'
import type { Context } from './workload.ts'

/**
 * Serves a contract: joins the trust domain, opens the mTLS door, registers, and answers until it is told to stop.
 * Settings come from the environment; `countersign run` sets them. A contract with an endpoint that lacks callers
 * or a limit does not start, and the message names it.
 */
export function serve<
  const C extends Contract<string, Record<string, Endpoint<any, any, any, any, any, any>>>,
>(contract: C, handlers: Handlers<C, Context<C['name']>>): Promise<void> {
  return run({
    name: contract.name,
    create: async () => ({ contract, handlers }),
  })
}
