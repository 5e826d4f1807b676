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
const PERSON = 'customer'

/** Logs in and places an order as a customer would, then gathers what the log says of it. Never throws. */
export async function perform(means: Means): Promise<Evidence> {
  const { door, trustDomain } = means
  const walked = await walk(means)
  const nothing = { login: undefined, order: undefined, proven: new Map<number, string>() }
  const evidence = { ...nothing, ...walked, trustDomain, connection: door.connections.at(-1) }
  try {
    return { ...evidence, ...(await readLog(means.link, evidence)) }
  } catch (error) {
    return { ...evidence, logFault: messageOf(error) }
  }
}

type Walked = Pick<Evidence, 'fault'> & Partial<Pick<Evidence, 'login' | 'order'>>

/** The client's side: what was asked at the door, and what came back. */
async function walk(means: Means): Promise<Walked> {
  const { desk, door } = means
  let login: Evidence['login']
  try {
    const requestIds: string[] = []
    const tokens = await logInAs(desk, watching(door, requestIds), PERSON)
    // The token came with the last answer.
    const requestId = requestIds.at(-1) ?? ''
    login = { claims: claimsOf(tokens.accessToken), requestId, entries: [] }
    return { login, order: await placeOrder(door, tokens.accessToken), fault: undefined }
  } catch (error) {
    return { ...(login === undefined ? {} : { login }), fault: messageOf(error) }
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

async function placeOrder(door: Door, token: string): Promise<NonNullable<Evidence['order']>> {
  const response = await door.fetch(`${door.url}/orders`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      'idempotency-key': randomUUID(),
    },
    body: JSON.stringify(DEMO_ORDER),
  })
  await response.body?.cancel()
  const requestId = response.headers.get('x-request-id') ?? ''
  return { status: response.status, requestId, entries: [] }
}

/** The log's side: the events of both requests, and the proof that the doors' last words are in it. */
async function readLog(
  link: Connected<'desk'>,
  { login, order, ...rest }: Evidence,
): Promise<Pick<Evidence, 'login' | 'order' | 'proven'>> {
  const [loginEntries, entries] = await Promise.all([
    entriesOf(link, login?.requestId, (all) =>
      all.some(({ event }) => event.action === 'token.issue'),
    ),
    entriesOf(link, order?.requestId, (all) => isTold(all, order?.status ?? 0)),
  ])
  const found = {
    login: login === undefined ? undefined : { ...login, entries: loginEntries },
    order: order === undefined ? undefined : { ...order, entries },
  }
  const ends = DOORS.map((service) => outcomeOf({ ...rest, ...found }, service))
  const present = ends.filter((entry) => entry !== undefined)
  return { ...found, proven: await proveEntries(link, present, TOUR_WAIT_MS) }
}

/** A success is told when each door has had its last word, a failure when the one that refused has. */
function isTold(entries: readonly Entry[], status: number): boolean {
  const said = (door: string): boolean => entries.some((each) => isOutcome(each, door))
  if (status < 400) return DOORS.every(said)
  return said('gateway') && entries.some(({ event }) => event.event.code !== undefined)
}
const DOORS: readonly string[] = ['gateway', 'order', 'payment']

async function entriesOf(
  link: Connected<'desk'>,
  requestId: string | undefined,
  enough: (entries: readonly Entry[]) => boolean,
): Promise<readonly Entry[]> {
  if (requestId === undefined || requestId === '') return []
  return readRequest(link, requestId, { enough, waitMs: TOUR_WAIT_MS })
}

function isOutcome({ event }: Entry, service: string): boolean {
  return event.serviceName === service && event.http?.response !== undefined
}
