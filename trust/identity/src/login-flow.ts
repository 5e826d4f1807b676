import { createHash, randomBytes } from 'node:crypto'
import { CodedError } from '@countersign/ground/errors'
import { z } from 'zod'
import { CLI_CLIENT, CLI_REDIRECT } from './clients/built-in.ts'
import { LOGIN_REDIRECTS_MAX } from './limits.ts'

export interface LogInOptions {
  /** `https://localhost:8443/auth` */
  readonly issuer: string
  /** Brings its own trust in the issuer's certificate. Redirects are followed here, not by it. */
  readonly fetch: (url: string, init: LogInRequest) => Promise<Response>
  readonly username: string
  readonly password: string
  readonly clientId?: string
  /** Must belong to the client; the command line's own where nothing is said. */
  readonly redirectUri?: string
}
/** What is asked of `fetch`; every implementation of it understands this much. */
interface LogInRequest {
  readonly method?: string
  readonly headers?: Record<string, string>
  readonly body?: string
  readonly redirect: 'manual'
}
export interface TokenSet {
  readonly accessToken: string
  readonly refreshToken: string | undefined
  readonly idToken: string | undefined
  readonly tokenType: string
  /** Seconds from now. */
  readonly expiresIn: number
}
/** `LOGIN_REFUSED`: name and password do not go together. `LOGIN_THROTTLED`: see `context.retryAfterSeconds`. */
type LoginFaultCode = 'LOGIN_REFUSED' | 'LOGIN_THROTTLED' | 'LOGIN_UNAVAILABLE' | 'PROTOCOL'
export class LoginError extends CodedError<LoginFaultCode> {}

const metadataSchema = z.object({
  issuer: z.string(),
  authorization_endpoint: z.url(),
  token_endpoint: z.url(),
})
const tokensSchema = z.object({
  access_token: z.string(),
  refresh_token: z.string().optional(),
  id_token: z.string().optional(),
  token_type: z.string(),
  expires_in: z.number(),
})

/**
 * Logs a person in without a browser: authorization code with PKCE over HTTP, the login form included.
 * Throws `LoginError`. Holds the password no longer than the call.
 */
export async function logIn(options: LogInOptions): Promise<TokenSet> {
  const { issuer, fetch, clientId = CLI_CLIENT } = options
  const metadata = await read(
    metadataSchema,
    await fetch(`${issuer}/.well-known/openid-configuration`, { redirect: 'manual' }),
  )
  if (metadata.issuer !== issuer) throw wrong('the provider calls itself by another name')
  // A port that nobody listens on: the last redirect is read, not followed.
  const redirectUri = options.redirectUri ?? CLI_REDIRECT.replace('127.0.0.1', '127.0.0.1:1')
  const verifier = randomBytes(32).toString('base64url')
  const state = randomBytes(16).toString('base64url')
  const start = new URL(metadata.authorization_endpoint)
  start.search = new URLSearchParams({
    client_id: clientId,
    redirect_uri: redirectUri,
    response_type: 'code',
    scope: 'openid profile',
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
    state,
  }).toString()
  const answer = await walk(options, start.href, redirectUri)
  const problem = answer.get('error')
  if (problem !== null) throw wrong(`the provider answered ${problem}`)
  if (answer.get('state') !== state || answer.get('iss') !== issuer) {
    throw wrong('the answer is not to this request')
  }
  return exchange(fetch, metadata.token_endpoint, {
    grant_type: 'authorization_code',
    client_id: clientId,
    redirect_uri: redirectUri,
    code: answer.get('code') ?? '',
    code_verifier: verifier,
  })
}

/** Follows redirects and fills in the form, until the way leads back to the client. */
async function walk(
  { issuer, fetch, username, password }: LogInOptions,
  start: string,
  redirectUri: string,
): Promise<URLSearchParams> {
  const cookies = new Map<string, string>()
  let url = start
  let form: string | undefined
  for (let step = 0; step < LOGIN_REDIRECTS_MAX; step++) {
    // The password goes to the provider's own pages and nowhere else.
    if (!url.startsWith(`${issuer}/`)) throw wrong('the login leads away from the provider')
    const response = await fetch(url, request(cookies, form))
    remember(cookies, response)
    const location = response.headers.get('location')
    if (location !== null) {
      await response.body?.cancel()
      url = new URL(location, url).href
      form = undefined
      if (url.startsWith(`${redirectUri}?`)) return new URL(url).searchParams
    } else if (response.status === 200 && form === undefined) {
      await response.body?.cancel()
      form = new URLSearchParams({ username, password }).toString()
    } else throw await refusalOf(response, form !== undefined)
  }
  throw wrong('the login does not come to an end')
}

function request(cookies: ReadonlyMap<string, string>, form: string | undefined): LogInRequest {
  const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ')
  const headers = { accept: 'text/html', ...(cookie === '' ? {} : { cookie }) }
  if (form === undefined) return { headers, redirect: 'manual' }
  const type = { 'content-type': 'application/x-www-form-urlencoded' }
  return { method: 'POST', headers: { ...headers, ...type }, body: form, redirect: 'manual' }
}

function remember(cookies: Map<string, string>, response: Response): void {
  for (const line of response.headers.getSetCookie()) {
    const [, name = '', value = ''] = /^([^=;]+)=([^;]*)/.exec(line) ?? []
    if (value === '') cookies.delete(name)
    else cookies.set(name, value)
  }
}

async function exchange(
  fetch: LogInOptions['fetch'],
  endpoint: string,
  params: Record<string, string>,
): Promise<TokenSet> {
  const tokens = await read(
    tokensSchema,
    await fetch(endpoint, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams(params).toString(),
      redirect: 'manual',
    }),
  )
  return {
    accessToken: tokens.access_token,
    refreshToken: tokens.refresh_token,
    idToken: tokens.id_token,
    tokenType: tokens.token_type,
    expiresIn: tokens.expires_in,
  }
}

async function refusalOf(response: Response, afterForm: boolean): Promise<LoginError> {
  await response.body?.cancel()
  const { status } = response
  const retryAfterSeconds = Number(response.headers.get('retry-after') ?? 0)
  if (status === 429) {
    return new LoginError('LOGIN_THROTTLED', `try again in ${retryAfterSeconds} s`, {
      context: { retryAfterSeconds },
    })
  }
  if (afterForm && status === 403) {
    return new LoginError('LOGIN_REFUSED', 'this name and password do not go together')
  }
  if (status >= 500) return new LoginError('LOGIN_UNAVAILABLE', `the provider answered ${status}`)
  return wrong(`the provider answered ${status}`)
}

/** The answer in the form that is expected, or the reason why there is none. */
async function read<T>(schema: z.ZodType<T>, response: Response): Promise<T> {
  if (!response.ok) throw await refusalOf(response, false)
  const body: unknown = await response.json().catch(() => undefined)
  const found = schema.safeParse(body)
  if (!found.success) throw wrong('the provider answered something else than was asked')
  return found.data
}

function wrong(what: string): LoginError {
  return new LoginError('PROTOCOL', what)
}
