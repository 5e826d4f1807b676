import { readFileSync } from 'node:fs'
import type { IncomingHttpHeaders } from 'node:http'
import { join } from 'node:path'
import { createVerifier } from 'fast-jwt'
import { RateLimiterMemory } from 'rate-limiter-flexible'

/*
 * The work that every Node peer does, with well-known packages: fast-jwt with its cache of verdicts, and
 * rate-limiter-flexible in memory. A peer gets its settings as the one argument, in JSON.
 */
const { work, port, upstream } = JSON.parse(process.argv[2] ?? '{}') as {
  work: string
  port: number
  upstream: number
}
const pem = (name: string): Buffer => readFileSync(join(work, name))

export const PORT: number = port
export const UPSTREAM = `https://localhost:${upstream}`
export const serverTls = {
  key: pem('door.key'),
  cert: pem('door.pem'),
  minVersion: 'TLSv1.3',
  ciphers: 'TLS_AES_128_GCM_SHA256',
  ALPNProtocols: ['http/1.1'],
} as const
export const clientTls = {
  key: pem('gateway.key'),
  cert: pem('gateway.pem'),
  ca: pem('ca.pem'),
  minVersion: 'TLSv1.3',
  servername: 'localhost',
} as const

const shared = {
  cache: 10_000,
  cacheTTL: 60_000,
  allowedIss: 'https://idp.bench',
  allowedAud: 'orders-api',
  requiredClaims: ['exp', 'sub'],
}
type Verify = (token: string) => { readonly sub: string; readonly role: string }
const verifiers = new Map<string, Verify>([
  ['ES256', createVerifier({ key: pem('jwt-es256.pub'), algorithms: ['ES256'], ...shared })],
  ['RS256', createVerifier({ key: pem('jwt-rs256.pub'), algorithms: ['RS256'], ...shared })],
])
const limiter = new RateLimiterMemory({ points: 1_000_000, duration: 1 })

export interface Verdict {
  readonly status: number
  readonly sub: string
  readonly role: string
}
const refused = (status: number): Verdict => ({ status, sub: '', role: '' })

export async function authorize(
  method: string | undefined,
  url: string | undefined,
  headers: IncomingHttpHeaders,
): Promise<Verdict> {
  const credential = headers.authorization
  if (!credential?.startsWith('Bearer ')) return refused(401)
  const token = credential.slice(7)
  const verify = verifiers.get(algorithmOf(token))
  if (verify === undefined) return refused(401)
  let claims: ReturnType<Verify>
  try {
    claims = verify(token)
  } catch {
    return refused(401)
  }
  if (!url?.startsWith('/orders')) return refused(404)
  if (method !== 'GET' || claims.role !== 'orders:read') return refused(403)
  try {
    await limiter.consume(claims.sub)
  } catch {
    return refused(429)
  }
  return { status: 200, sub: claims.sub, role: claims.role }
}

function algorithmOf(token: string): string {
  try {
    const head = Buffer.from(token.slice(0, token.indexOf('.')), 'base64url').toString()
    return String((JSON.parse(head) as { alg?: unknown }).alg)
  } catch {
    return ''
  }
}
