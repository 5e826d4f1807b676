/** How every command ends. Documented in the README of this room: scripts rely on it. */
export const EXIT = {
  ok: 0,
  /** Refused, not found, not proven, or failed on the way. */
  failed: 1,
  /** The command line was not understood. */
  usage: 2,
  notRunning: 3,
  alreadyRunning: 4,
  /** `countersign.yaml` or a `COUNTERSIGN_*` variable cannot be used. */
  configuration: 5,
  /** The machine does not let us: a taken port, a folder that cannot be written, a missing program. */
  environment: 6,
} as const
export type ExitCode = (typeof EXIT)[keyof typeof EXIT]
