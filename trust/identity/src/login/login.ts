import type { IncomingMessage, ServerResponse } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import type { Provider } from 'oidc-provider'
import type { Door, Doors } from '../door.ts'
import { canonicalUsername } from '../domain/username.ts'
import { sourceOf } from '../domain/source.ts'
import type { Events } from '../events.ts'
import { FAILURE_ANSWER_MS_MIN, USERNAME_CHARACTERS_MAX } from '../limits.ts'
import type { People, Person } from '../people/people.ts'
import { pageHeaders } from './html.ts'
import { errorPage, type LoginFault, loginPage } from './pages.ts'
import { type Credentials, readLoginForm } from './read-form.ts'
import type { LoginThrottle } from './throttle.ts'

export interface LoginParts {
  readonly provider: () => Provider
  readonly people: People
  readonly throttle: LoginThrottle
  readonly events: Events
  readonly doors: Doors
  readonly now?: () => number
}
type Interaction = Awaited<ReturnType<Provider['interactionDetails']>>
type Outcome = { readonly person: Person } | { readonly fault: LoginFault }

const STATUS = { wrong: 403, unavailable: 503, throttled: 429 } as const

/**
 * The login page: `GET` shows the form, `POST` checks it.
 *
 * - a form counts only with the cookie of its own interaction, which no other site can send (SameSite, path)
 * - a form from another site is refused, whatever cookies came with it
 * - a failure says the same, in the same time, whatever was wrong
 */
export function createLogin(parts: LoginParts) {
  return async (request: IncomingMessage, response: ServerResponse, uid: string): Promise<void> => {
    const door = parts.doors.of(request)
    const interaction = await findInteraction(parts.provider(), request, response)
    if (interaction === undefined || interaction.uid !== uid) return sendExpired(response, door)
    if (interaction.prompt.name !== 'login') {
      return parts.provider().interactionFinished(request, response, { consent: {} })
    }
    if (request.method === 'GET') return sendForm(response, interaction)
    if (request.method !== 'POST' || isCrossSite(request)) return sendRefused(response, door)
    const form = await readLoginForm(request)
    if (form === undefined) return sendRefused(response, door)
    const outcome = await check(parts, door, form, String(interaction.params.client_id))
    if ('fault' in outcome) return sendForm(response, interaction, outcome.fault)
    const login = { accountId: outcome.person.id, amr: ['pwd'], remember: false }
    await parts.provider().interactionFinished(request, response, { login })
  }
}

async function check(
  { people, throttle, events, now = Date.now }: LoginParts,
  door: Door,
  form: Credentials,
  clientId: string,
): Promise<Outcome> {
  const startedAt = now()
  const username = canonicalUsername(form.username).slice(0, USERNAME_CHARACTERS_MAX + 1)
  const attempt = throttle.begin(username, sourceOf(door.ip))
  if ('retryAfterSeconds' in attempt) {
    events.loginThrottled(door, username, clientId, attempt.retryAfterSeconds)
    return { fault: { kind: 'throttled', ...attempt } }
  }
  try {
    const person = await people.checkPassword(username, form.password, door.people)
    if (person !== undefined) {
      attempt.succeeded()
      events.loginSucceeded(door, person, clientId)
      return { person }
    }
  } catch (cause) {
    attempt.cancelled()
    events.loginUnavailable(door, username, clientId, cause)
    return { fault: { kind: 'unavailable' } }
  }
  attempt.failed()
  events.loginFailed(door, username, clientId)
  await delay(Math.max(0, startedAt + FAILURE_ANSWER_MS_MIN - now()))
  return { fault: { kind: 'wrong' } }
}

async function findInteraction(
  provider: Provider,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<Interaction | undefined> {
  try {
    return await provider.interactionDetails(request, response)
  } catch (error) {
    // The provider's word for: no cookie, expired, or of a session that has changed since.
    if (error instanceof Error && error.name === 'SessionNotFound') return undefined
    throw error
  }
}

/** Fetch metadata, where the browser sends it: only our own page may post here. */
function isCrossSite(request: IncomingMessage): boolean {
  const site = request.headers['sec-fetch-site']
  return site !== undefined && site !== 'same-origin'
}

function sendForm(response: ServerResponse, interaction: Interaction, fault?: LoginFault): void {
  const status = fault === undefined ? 200 : STATUS[fault.kind]
  const retry =
    fault?.kind === 'throttled' ? { 'retry-after': String(fault.retryAfterSeconds) } : {}
  const target = String(interaction.params.redirect_uri)
  send(response, status, { ...pageHeaders(target), ...retry }, loginPage(fault))
}

function sendExpired(response: ServerResponse, { requestId }: Door): void {
  const text = 'This login has expired, or was begun in another browser. Begin again.'
  const facts = { title: 'Login expired', code: 'LOGIN_EXPIRED', text, requestId }
  send(response, 400, pageHeaders(), errorPage(facts))
}

function sendRefused(response: ServerResponse, { requestId }: Door): void {
  const text = 'This is not what the login form sends.'
  const facts = { title: 'Login refused', code: 'REQUEST_INVALID', text, requestId }
  send(response, 400, { ...pageHeaders(), connection: 'close' }, errorPage(facts))
}

function send(
  response: ServerResponse,
  status: number,
  headers: Record<string, string>,
  html: string,
): void {
  const length = String(Buffer.byteLength(html))
  response.writeHead(status, {
    ...headers,
    'content-type': 'text/html; charset=utf-8',
    'content-length': length,
  })
  response.end(html)
}
