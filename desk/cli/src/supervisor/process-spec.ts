import type { Env } from '@countersign/service'

/** One process of the platform, as plain data. */
export interface ProcessSpec {
  /** `order-1`. */
  readonly instance: string
  /** `order`: the name in its certificate. */
  readonly name: string
  /** The package whose `main` runs it. */
  readonly module: string
  /** Its mTLS listener. */
  readonly port: number
  /** For Node, beside those that all processes get. */
  readonly nodeFlags: readonly string[]
  /** Settings beside the join token, which is new at every start. */
  readonly env: Env
  /** Whether it brings a join token. Authorities do not: they are where tokens are checked. */
  readonly joins: boolean
}

/** The configuration or the contract is wrong: to start again would not help (sysexits EX_CONFIG). */
export const EXIT_CONFIG = 78

export interface Exit {
  readonly code: number | null
  readonly signal: string | null
}

/** A process that was started once. */
export interface Running {
  readonly pid: number | undefined
  /** Settles when the process says that it takes work; never, if it ends before. */
  readonly ready: Promise<void>
  /** What the process itself says of why it cannot go on. */
  failure(): string | undefined
  /** Never rejects. */
  readonly exited: Promise<Exit>
  /** Tells it that all others end, too: nobody is left who would call it. */
  announceEnd(): void
  /** Asks for an orderly end. */
  stop(): void
  /** Ends it at once. */
  kill(): void
}

/**
 * Starts processes, each for itself or many in one.
 * Promises: `exited` settles for everything that was started; nothing outlives the supervisor.
 */
export interface Runner {
  start(spec: ProcessSpec, env: Env): Promise<Running>
}
