import { randomUUID } from 'node:crypto'
import { messageOf } from '@countersign/ground/errors'
import type { Connected } from '@countersign/service'
import { claimsOf } from '../commands/token.ts'
import type { Desk } from '../desk.ts'
import type { Door } from '../door/door.ts'
import { logInAs } from '../door/log-in-as.ts'
import { type Entry, readRequest } from '../explain/read-request.ts'
import { TOUR_WAIT_MS } from '../limits.ts'
import { DEMO_ORDER } from './demo-order.ts'
import { type Evidence, outcomeOf } from './evidence.ts'
import { proveEntries } from './prove-entries.ts'

interface Means {
  readonly desk: Desk
  readonly door: Door
  readonly link: Connected<'desk'>
  readonly trustDomain: string
}

/** Logs in and places an order as a customer would, then gathers what the log says of it. Never throws. */
export async function perform(means: Means): Promise<Evidence> {
  const { door, trustDomain } = means
  let evidence: Evidence = {
    trustDomain,
    connection: undefined,
    login: undefined,
    order: undefined,
    proven: new Map(),
    fault: undefined,
  }
  try {
    const requestIds: string[] = []
    const tokens = await logInAs(means.desk, watching(door, requestIds), 'customer')
    const login = {
      claims: claimsOf(tokens.accessToken),
      entries: await loginEntries(means.link, requestIds),
    }
    evidence = { ...evidence, connection: door.connections.at(-1), login }
    const order = await placeOrder(means, tokens.accessToken)
    evidence = { ...evidence, connection: door.connections.at(-1), order }
    const ends = ['gateway', 'order', 'payment'].map((service) => outcomeOf(evidence, service))
    const proven = await proveEntries(
      means.link,
      ends.filter((entry) => entry !== undefined),
    )
    return { ...evidence, proven }
  } catch (error) {
    return { ...evidence, connection: door.connections.at(-1), fault: messageOf(error) }
  }
}

/** The same door, noting the request id of each answer: by these the log is asked afterwards. */
function watching(door: Door, requestIds: string[]): Door {
  return {
    ...door,
    fetch: async (url, init) => {
      const response = await door.fetch(url, init)
      const id = response.headers.get('x-request-id')
      if (id !== null) requestIds.push(id)
      return response
    },
  }
}

/** The token came with the last answer of the login. */
async function loginEntries(
  link: Connected<'desk'>,
  requestIds: readonly string[],
): Promise<readonly Entry[]> {
  const last = requestIds.at(-1)
  if (last === undefined) return []
  const enough = (entries: readonly Entry[]): boolean =>
    entries.some(({ event }) => event.action === 'token.issue')
  return readRequest(link, last, { enough, waitMs: TOUR_WAIT_MS })
}

async function placeOrder(
  { door, link }: Means,
  token: string,
): Promise<NonNullable<Evidence['order']>> {
  const response = await door.fetch(`${door.url}/orders`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      'idempotency-key': randomUUID(),
    },
    body: JSON.stringify(DEMO_ORDER),
  })
  const text = await response.text()
  const requestId = response.headers.get('x-request-id') ?? ''
  const { status } = response
  const services = status < 400 ? ['gateway', 'order', 'payment'] : ['gateway']
  const enough = (entries: readonly Entry[]): boolean =>
    services.every((service) => entries.some((entry) => isOutcome(entry, service)))
  const waitMs = TOUR_WAIT_MS
  return {
    status,
    requestId,
    problem: status < 400 ? undefined : text.slice(0, 2_000),
    remaining: response.headers.get('ratelimit') ?? undefined,
    entries: requestId === '' ? [] : await readRequest(link, requestId, { enough, waitMs }),
  }
}

function isOutcome({ event }: Entry, service: string): boolean {
  return event.serviceName === service && event.http?.response !== undefined
}
