import {
  judgeRequestHeader,
  judgeResponseHeader,
  namedByConnection,
  rememberVerdicts,
  type Verdict,
} from './header-names.ts'

const request = rememberVerdicts(judgeRequestHeader)
const response = rememberVerdicts(judgeResponseHeader)

/**
 * The headers of a client that go on to a service, flat (name, value, name, value …) as they came in.
 * Headers of our own are added by the caller, after what the client named in Connection is gone.
 */
export function filterRequestHeaders(rawHeaders: readonly string[]): string[] {
  return filter(rawHeaders, request)
}

/** The headers of a service that go back to the client, flat. */
export function filterResponseHeaders(rawHeaders: readonly string[]): string[] {
  return filter(rawHeaders, response)
}

function filter(rawHeaders: readonly string[], judge: (name: string) => Verdict): string[] {
  const kept: string[] = []
  let named: string[] | undefined
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] ?? ''
    const value = rawHeaders[i + 1] ?? ''
    const verdict = judge(name)
    if (verdict === 'keep') kept.push(name, value)
    else if (verdict === 'connection') {
      const names = namedByConnection(value)
      if (names.length > 0) named = [...(named ?? []), ...names]
    }
  }
  return named === undefined ? kept : without(kept, new Set(named))
}

function without(headers: readonly string[], names: ReadonlySet<string>): string[] {
  const kept: string[] = []
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = headers[i] ?? ''
    if (!names.has(name.toLowerCase())) kept.push(name, headers[i + 1] ?? '')
  }
  return kept
}
