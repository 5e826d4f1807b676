import { CodedError } from '@countersign/ground/errors'
import { EXIT, type ExitCode } from './exit-codes.ts'

const EXITS = {
  FAILED: EXIT.failed,
  USAGE: EXIT.usage,
  NOT_RUNNING: EXIT.notRunning,
  ALREADY_RUNNING: EXIT.alreadyRunning,
  CONFIGURATION: EXIT.configuration,
  ENVIRONMENT: EXIT.environment,
} as const
export type DeskErrorCode = keyof typeof EXITS

/** A failure that a person at the terminal can act on: its message is all that is printed. */
export class DeskError extends CodedError<DeskErrorCode> {
  constructor(code: DeskErrorCode, message: string, options: { cause?: unknown } = {}) {
    super(code, message, options)
    this.name = 'DeskError'
  }
  get exitCode(): ExitCode {
    return EXITS[this.code]
  }
}

/** The `code` of a system error, as in `ENOENT`; `undefined` for anything else. */
export function systemCode(thrown: unknown): string | undefined {
  const code = thrown instanceof Error && 'code' in thrown ? thrown.code : undefined
  return typeof code === 'string' ? code : undefined
}
