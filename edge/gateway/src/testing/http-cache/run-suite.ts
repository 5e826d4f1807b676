import { type Fetch, getResults, type Result, runTests } from 'http-cache-tests/client/runner.mjs'
import suites from 'http-cache-tests/tests/index.mjs'

/** How the cases of one kind went. */
export interface Outcome {
  readonly passed: readonly string[]
  /** Why each of the others did not, by its id. */
  readonly failed: ReadonlyMap<string, string>
}
export type Kind = 'required' | 'optimal' | 'check'

/** Runs the whole suite against `base`, all cases side by side. Once in a process: the suite keeps its results. */
export async function runSuite(base: string, fetch: Fetch): Promise<ReadonlyMap<Kind, Outcome>> {
  await runTests(suites, fetch, false, base, 1_000)
  const results = getResults()
  const outcomes = new Map<Kind, { passed: string[]; failed: Map<string, string> }>()
  for (const { id, kind = 'required', browser_only } of suites.flatMap(({ tests }) => tests)) {
    if (browser_only) continue
    const outcome = outcomes.get(kind) ?? { passed: [] as string[], failed: new Map() }
    outcomes.set(kind, outcome)
    const result = results[id]
    if (result === true) outcome.passed.push(id)
    else outcome.failed.set(id, reasonOf(result))
  }
  return outcomes
}
const reasonOf = (result: Result | undefined): string =>
  result === undefined || result === true ? 'not run' : `${result[0]}: ${result[1]}`
