// What is used of the suite, which has no types of its own.
declare module 'http-cache-tests/client/runner.mjs' {
  export type Fetch = (url: string, init?: object) => Promise<unknown>
  export type Result = true | readonly [kind: string, message: string]
  export function runTests(
    suites: readonly object[],
    fetch: Fetch,
    browserCache: boolean,
    base: string,
    chunkSize?: number,
  ): Promise<void>
  export function getResults(): Record<string, Result>
}
declare module 'http-cache-tests/tests/index.mjs' {
  interface Case {
    readonly id: string
    readonly name: string
    readonly kind?: 'required' | 'optimal' | 'check'
    readonly browser_only?: boolean
    dump?: boolean
  }
  interface Suite {
    readonly id: string
    readonly tests: readonly Case[]
  }
  const suites: readonly Suite[]
  export default suites
}
declare module 'http-cache-tests/server/*' {
  import type { IncomingMessage, ServerResponse } from 'node:http'

  /** `segments`: those of the path behind the name of the handler. */
  const handle: (segments: string[], request: IncomingMessage, response: ServerResponse) => void
  export default handle
}
