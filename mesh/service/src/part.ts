import type { Contract, Endpoint, Handlers } from '@countersign/contract'
import type { Context, Workload } from './workload.ts'

/** Settings as `process.env` holds them. Only `config/` folders and `main.ts` files read the real one. */
export type Env = Readonly<Record<string, string | undefined>>

/** What a part of the platform is made of once its adapters stand. */
export interface Built {
  /** What it answers over mTLS, beside the endpoints that every workload has. */
  readonly contract: Contract<string, Record<string, Endpoint<any, any, any, any, any, any>>>
  readonly handlers: Handlers<Contract<string, any>, Context<any>>
  /** Goes into the registration: `public` is the `host:port` of a listener beside the mesh's own. */
  readonly meta?: Readonly<Record<string, string>>
  /** Whether it can do its work now; asked by `/readyz`. */
  ready?(): boolean
  /** Stops taking new work and finishes what is in flight. Comes before the mTLS server closes. */
  drain?(): Promise<void>
  close?(): Promise<void>
}

/**
 * A part that runs as a process of its own or together with others in one.
 * `create` reads its own settings from `env` and throws `ConfigError` with all mistakes at once.
 */
export interface Part {
  readonly name: string
  create(workload: Workload, env: Env): Promise<Built>
}
