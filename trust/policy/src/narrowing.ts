import type {
  ContractDescriptor,
  EndpointDescriptor,
  ParsedLimit,
  SmoothRate,
} from '@countersign/contract'
import { parseLimit } from '@countersign/contract'
import { LineCounter, parseDocument, type Document } from 'yaml'
import { z } from 'zod'

/** What an operator has closed or lowered. */
export interface Narrowing {
  readonly denials: readonly Denial[]
  readonly limits: readonly LoweredLimit[]
}
export interface Denial {
  readonly service: string
  /** `*`: every endpoint of the service. */
  readonly endpoint: string
  readonly callers: readonly string[] | undefined
  readonly roles: readonly string[] | undefined
  readonly reason: string
  /** File and line, to name in refusals. */
  readonly at: string
}
export interface LoweredLimit {
  readonly service: string
  readonly endpoint: string
  readonly limit: ParsedLimit
  readonly at: string
}
export const NOTHING_NARROWED: Narrowing = { denials: [], limits: [] }

/** A narrowing file that cannot be used: every mistake with its line. */
export class NarrowingError extends Error {
  readonly code = 'POLICY_INVALID'
  readonly mistakes: readonly string[]
  constructor(mistakes: readonly string[]) {
    super(
      `the policy file cannot be used:\n${mistakes.map((mistake) => `  - ${mistake}`).join('\n')}`,
    )
    this.mistakes = mistakes
  }
}

const ENDPOINT = /^([a-z][a-z0-9-]*)\.([A-Za-z][A-Za-z0-9]*|\*)$/
const names = z.array(z.string().min(1)).min(1)
const schema = z.strictObject({
  deny: z
    .array(
      z.strictObject({
        endpoint: z.string().regex(ENDPOINT, 'is not of the form service.endpoint or service.*'),
        callers: names.optional(),
        roles: names.optional(),
        reason: z.string().max(200).default('closed by the operator'),
      }),
    )
    .default([]),
  limits: z
    .array(
      z.strictObject({
        endpoint: z.string().regex(ENDPOINT, 'is not of the form service.endpoint or service.*'),
        limit: z.string(),
      }),
    )
    .default([]),
})

/**
 * Reads an operator's narrowing file (YAML with `deny` and `limits`). `file` is for messages only.
 * Throws `NarrowingError` with all mistakes at once.
 */
export function parseNarrowing(text: string, file: string): Narrowing {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true })
  const syntax = document.errors.map(
    (error) => `${file}:${error.linePos?.[0].line ?? 1}: ${error.message.split('\n')[0]}`,
  )
  if (syntax.length > 0) throw new NarrowingError(syntax)
  const at = (path: readonly PropertyKey[]): string => `${file}:${lineOf(document, lines, path)}`
  const read = schema.safeParse(document.toJS({ maxAliasCount: 0 }) ?? {})
  if (!read.success) {
    throw new NarrowingError(
      read.error.issues.map(
        (issue) => `${at(issue.path)}: ${issue.path.join('.')}: ${issue.message}`,
      ),
    )
  }
  const mistakes: string[] = []
  const limits = read.data.limits.map((each, i) => {
    const limit = parseLimit(each.limit)
    if (typeof limit === 'string') mistakes.push(`${at(['limits', i])}: ${each.endpoint} ${limit}`)
    return { ...split(each.endpoint), limit: limit as ParsedLimit, at: at(['limits', i]) }
  })
  if (mistakes.length > 0) throw new NarrowingError(mistakes)
  const denials = read.data.deny.map((each, i) => ({
    ...split(each.endpoint),
    callers: each.callers,
    roles: each.roles,
    reason: each.reason,
    at: at(['deny', i]),
  }))
  return { denials, limits }
}

/**
 * What was written about a service and does not fit its contract, each with its line: a denial or a limit that closes
 * and lowers nothing would be believed to do so.
 */
export function misfits(
  narrowing: Narrowing,
  { service, endpoints }: Pick<ContractDescriptor, 'service' | 'endpoints'>,
): readonly string[] {
  const ofService = <T extends { readonly service: string }>(list: readonly T[]): T[] =>
    list.filter((each) => each.service === service)
  const meant = (name: string): readonly EndpointDescriptor[] =>
    endpoints.filter((endpoint) => name === '*' || endpoint.name === name)
  const unknown = [...ofService(narrowing.denials), ...ofService(narrowing.limits)]
    .filter(({ endpoint }) => meant(endpoint).length === 0)
    .map(({ at, endpoint }) => `${at}: ${service} has no endpoint "${endpoint}"`)
  const idle = ofService(narrowing.limits)
    .filter(({ endpoint, limit }) => {
      const found = meant(endpoint)
      return found.length > 0 && found.every((each) => each.limit.scope !== limit.scope)
    })
    .map(
      ({ at, endpoint, limit }) =>
        `${at}: the limit of ${service}.${endpoint} is not counted per ${limit.scope}; a lower one must be counted as the contract's is`,
    )
  return [...unknown, ...idle]
}

/** The limit that holds for an endpoint: each window is the lower of the contract's and the operator's. */
export function narrowedLimit(
  narrowing: Narrowing,
  service: string,
  endpoint: EndpointDescriptor,
): ParsedLimit {
  const lower = narrowing.limits.filter(
    (each) =>
      each.service === service &&
      (each.endpoint === '*' || each.endpoint === endpoint.name) &&
      each.limit.scope === endpoint.limit.scope,
  )
  const windows = new Map(endpoint.limit.windows.map((window) => [window.seconds, window]))
  for (const window of lower.flatMap((each) => each.limit.windows)) {
    const known = windows.get(window.seconds)
    if (known === undefined || window.max < known.max) windows.set(window.seconds, window)
  }
  const { scope } = endpoint.limit
  const sorted = [...windows.values()].sort((a, b) => a.seconds - b.seconds)
  const smooth = lower.reduce(
    (known, each) => lowerOf(known, each.limit.smooth),
    endpoint.limit.smooth,
  )
  return smooth === undefined ? { scope, windows: sorted } : { scope, windows: sorted, smooth }
}

/** The slower rate with the smaller burst. */
function lowerOf(a: SmoothRate | undefined, b: SmoothRate | undefined): SmoothRate | undefined {
  if (a === undefined || b === undefined) return a ?? b
  const slower = b.max / b.seconds < a.max / a.seconds ? b : a
  return { ...slower, burst: Math.min(a.burst, b.burst) }
}

function split(endpoint: string): { service: string; endpoint: string } {
  const [, service = '', name = ''] = ENDPOINT.exec(endpoint) ?? []
  return { service, endpoint: name }
}

function lineOf(document: Document, lines: LineCounter, path: readonly PropertyKey[]): number {
  for (let length = path.length; length >= 0; length--) {
    const node = document.getIn(path.slice(0, length) as unknown[], true)
    const range =
      typeof node === 'object' && node !== null && 'range' in node
        ? (node.range as [number] | null)
        : null
    if (range) return lines.linePos(range[0]).line
  }
  return 1
}
