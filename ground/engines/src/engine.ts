import { CodedError } from '@countersign/ground/errors'

/** A database engine that runs beside the platform, as a process of its own. */
export interface Engine {
  readonly name: 'postgres' | 'dynamodb' | 'redis'
  readonly version: string
  /** Why this engine is in use: a line for the table of parts. */
  readonly why: string
  readonly pid: number | undefined
  /** Resolves when the process is gone, whether it was stopped or crashed. Never rejects. */
  readonly exited: Promise<void>
  /** Stops the engine and waits for its end. Safe to call twice. */
  stop(): Promise<void>
}

/** Says what failed, where, and what to do about it. Its message is safe to print. */
export class EngineError extends CodedError<'ENGINE_UNAVAILABLE'> {
  constructor(message: string, cause?: unknown) {
    super('ENGINE_UNAVAILABLE', message, cause === undefined ? {} : { cause })
    this.name = 'EngineError'
  }
}
