import type { ProcessState } from './supervise.ts'

/** A process was never ready. Carries its last words. */
export class NotStarted extends Error {
  readonly instance: string
  constructor(instance: string, state: ProcessState) {
    const { failure, lastExit: exit } = state
    const end =
      exit === undefined ? 'was stopped' : `ended (${exit.signal ?? `exit code ${exit.code}`})`
    super(`${instance} ${end} before it was ready${failure === undefined ? '' : `: ${failure}`}`)
    this.name = 'NotStarted'
    this.instance = instance
  }
}
