/** The environment without anything that would configure a platform behind the journey's back. */
export function processEnv(): Record<string, string> {
  const entries = Object.entries(process.env).filter(
    ([name, value]) =>
      value !== undefined && !/^(COUNTERSIGN|GATEWAY|NODE_OPTIONS|VITEST)/.test(name),
  )
  return Object.fromEntries(entries) as Record<string, string>
}

/** `required` on the machine that has to have every engine: what is missing there is a failure. */
export function enginesAreRequired(): boolean {
  return process.env.COUNTERSIGN_TEST_ALL_ENGINES === 'required'
}

/** Everything that this process was told: for scripts that a platform runs as workloads. */
export function toldEnv(): Readonly<Record<string, string | undefined>> {
  return process.env
}
