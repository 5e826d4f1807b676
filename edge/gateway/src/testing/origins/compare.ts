import type { Meant } from './piece.ts'
import { type Sighting, valuesOf } from './recorder.ts'
import { KEYS } from './well-formed.ts'

/*
 * What an origin saw, held against what was meant. Each function gives what differs, or undefined.
 */

/** About the length and the connection between two hops; where a body ends is seen by what is in it. */
const OF_THE_HOP: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'transfer-encoding',
])
/** What only the gateway may say. */
const OURS: ReadonlySet<string> = new Set([
  ...['host', 'x-request-id', 'traceparent', 'x-forwarded-for', 'x-forwarded-proto'],
  ...['x-forwarded-host', 'x-forwarded-port', 'x-forwarded-path', 'x-forwarded-prefix'],
  ...['x-kong-request-id', 'x-consumer-id', 'x-consumer-username', 'x-credential-identifier'],
])

export interface Client {
  readonly address: string
  readonly doorPort: number
  /**
   * Requests to which an origin has ended the connection, or has not answered in time, by their ids. It may end an idle one at the very
   * moment that a request is sent (RFC 9112 section 9.6), which then cannot be sent again unless twice is the same as once.
   */
  readonly lost: ReadonlySet<string | undefined>
}

export function differenceOf(seen: Sighting, meant: Meant, client: Client): string | undefined {
  if (seen.origin !== meant.origin) return `came to ${seen.origin}`
  if (seen.method !== meant.method) return `method ${seen.method}`
  if (seen.target !== meant.target) return `target ${seen.target}`
  if (seen.body !== meant.body)
    return `a body of ${seen.body.length} bytes in place of ${meant.body.length}`
  return (
    ownDifference(seen, client) ??
    hostDifference(seen, meant) ??
    consumerDifference(seen, meant.consumer) ??
    keptDifference(seen.headers, meant.headers)
  )
}

/** The headers that the gateway sets on every request. */
export function ownDifference({ headers }: Sighting, client: Client): string | undefined {
  const [id = ''] = valuesOf(headers, 'x-request-id')
  const expected: readonly (readonly [string, RegExp])[] = [
    ['x-request-id', /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/],
    ['traceparent', new RegExp(`^00-${id.replaceAll('-', '')}-[0-9a-f]{16}-01$`)],
    ['x-forwarded-for', exactly(client.address)],
    ['x-forwarded-proto', /^https$/],
    ['x-forwarded-port', exactly(String(client.doorPort))],
    ['x-forwarded-host', /^localhost(:[0-9]+)?$/i],
  ]
  for (const [name, pattern] of expected) {
    const values = valuesOf(headers, name)
    if (values.length !== 1 || !pattern.test(values[0] ?? ''))
      return `${name}: ${JSON.stringify(values)}`
  }
  return undefined
}

/** Host is that of the service; the client's is told beside it. */
function hostDifference({ headers }: Sighting, meant: Meant): string | undefined {
  const hosts = valuesOf(headers, 'host').join(', ')
  const isOurs = meant.consumer === undefined ? INSTANCE.test(hosts) : hosts === meant.origin
  if (!isOurs) return `host: ${hosts}`
  const told = valuesOf(headers, 'x-forwarded-host').join(', ')
  return told === meant.host ? undefined : `x-forwarded-host: ${told}`
}
/** The address of an instance; a service of a Kong route is called by its name. */
const INSTANCE = /^127\.0\.0\.1:[0-9]+$/

/** Who asks: the gateway's word for a key, and nobody's where there was none. */
function consumerDifference(
  { headers }: Sighting,
  consumer: string | undefined,
): string | undefined {
  const told = (name: string): string => valuesOf(headers, name).join(', ')
  const expected = consumer === undefined ? '' : consumer
  if (told('x-consumer-username') !== expected) return `consumer ${told('x-consumer-username')}`
  if (told('x-consumer-id') !== (consumer === undefined ? '' : `id-of-${consumer}`))
    return `consumer id ${told('x-consumer-id')}`
  if (consumer !== undefined && told('apikey') !== KEYS[consumer]) return `key ${told('apikey')}`
  if (consumer === undefined && told('x-kong-request-id') !== '') return 'a Kong request id'
  return undefined
}

/**
 * All other headers: those of the client that go on, each once, and no more. Some origins join those of one name, and what
 * is joined ends with a space where the last one is empty, until somebody reads it again.
 */
export function keptDifference(
  seen: readonly string[],
  kept: readonly (readonly [string, string])[],
): string | undefined {
  const theirs = joined(seen.flatMap((name, i) => (i % 2 === 0 ? [[name, seen[i + 1] ?? '']] : [])))
  const ours = joined(kept)
  for (const name of new Set([...theirs.keys(), ...ours.keys()]))
    if (theirs.get(name)?.trimEnd() !== ours.get(name)?.trimEnd())
      return `${name}: ${JSON.stringify(theirs.get(name))} in place of ${JSON.stringify(ours.get(name))}`
  return undefined
}

function joined(pairs: readonly (readonly (string | undefined)[])[]): Map<string, string> {
  const found = new Map<string, string>()
  for (const [name = '', value = ''] of pairs) {
    if (OURS.has(name) || OF_THE_HOP.has(name)) continue
    const before = found.get(name)
    found.set(name, before === undefined ? value : `${before}, ${value}`)
  }
  return found
}

const exactly = (text: string): RegExp => new RegExp(`^${text.replaceAll('.', '\\.')}$`)
