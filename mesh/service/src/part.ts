import type { Contract, Endpoint } from '@countersign/contract'
import type { Log } from '@countersign/ground/telemetry'
import type { Identity, Workload } from './workload.ts'

/** Settings as `process.env` holds them. Only `config/` folders and `main.ts` files read the real one. */
export type Env = Readonly<Record<string, string | undefined>>

/** What a part of the platform is made of once its adapters stand. */
export interface Built {
  /** What it answers over mTLS, beside the endpoints that every workload has. */
  readonly contract: Contract<string, Record<string, Endpoint<any, any, any, any, any, any>>>
  /** One for each endpoint; `Handlers<typeof contract, Context>` where they are written. */
  readonly handlers: Readonly<Record<string, (input: any) => unknown>>
  /** The endpoints are answered on Node's own request and response, by an application of another framework. */
  readonly mounted?: boolean
  /** What the registry should tell of this instance beside its address. */
  readonly meta?: Readonly<Record<string, string>>
  /** Whether it can do its work now; asked by `/readyz`. */
  ready?(): boolean
  /** What it waits for while it is not ready, for who asks `/readyz`: a sentence without secrets. */
  waitsFor?(): string | undefined
  /** Stops taking new work and finishes what is in flight. Comes before the mTLS server closes. */
  drain?(): Promise<void>
  close?(): Promise<void>
}

/** What a part is given to come by its certificate. */
export interface Identify {
  readonly env: Env
  readonly trustDomain: string
  readonly instance: string
  readonly log: Log
}

/**
 * A part that runs as a process of its own or together with others in one.
 * `create` reads its own settings from `env` and throws `ConfigError` with all mistakes at once.
 */
export interface Part {
  readonly name: string
  /**
   * How it comes by its certificate, where it does not join like everybody else: the authority issues its own. Such an
   * identity knows for itself what to trust and what was taken back; nobody follows the authorities for it.
   */
  identify?(options: Identify): Promise<Identity & { close(): void }>
  create(workload: Workload, env: Env): Promise<Built>
}
