import { readFileSync } from 'node:fs'
import { Agent, request } from 'node:https'
import { join } from 'node:path'
import { ALGORITHMS, type Algorithm, type Mint } from './mint.ts'
import { BODY_BYTES } from './targets.ts'

/*
 * What every target must get right before its speed counts: 21 single requests with good, bad and missing tokens, an
 * unknown path, and a header that claims another identity.
 */
interface Case {
  readonly name: string
  readonly path?: string
  readonly token?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly status: number
}
interface Answer {
  readonly status: number
  readonly bytes: number
  readonly subject: string | undefined
  readonly tls: string
}

/** Sends all requests to a target; answers what went wrong, and how many connections were reset under way. */
export async function checkTarget(options: {
  work: string
  port: number
  mint: Mint
}): Promise<{ readonly wrong: readonly string[]; readonly resets: number }> {
  const ca = readFileSync(join(options.work, 'ca.pem'))
  const agent = new Agent({ ca, keepAlive: true, maxSockets: 1, minVersion: 'TLSv1.3' })
  const wrong: string[] = []
  let resets = 0
  const ask = async (one: Case): Promise<Answer> => {
    try {
      return await askOnce(agent, options.port, one)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ECONNRESET') throw error
      resets++
      return await askOnce(agent, options.port, one)
    }
  }
  for (const one of casesOf(options.mint)) {
    const { status, bytes, subject, tls } = await ask(one)
    if (status !== one.status) wrong.push(`${one.name}: ${status} in place of ${one.status}`)
    if (status === 200 && bytes !== BODY_BYTES) wrong.push(`${one.name}: a body of ${bytes} bytes`)
    // Ours says nothing in a header of this name: the service reads the token itself.
    if (status === 200 && subject !== undefined && subject !== 'svc-0')
      wrong.push(`${one.name}: the upstream was told that this is ${subject}`)
    if (tls !== 'TLSv1.3') wrong.push(`${one.name}: ${tls}`)
  }
  agent.destroy()
  return { wrong, resets }
}

function casesOf(mint: Mint): readonly Case[] {
  const good = mint.token('ES256')
  return [
    { name: 'no token', status: 401 },
    { name: 'no signature', token: mint.unsigned(), status: 401 },
    { name: 'no token at all', token: 'a.b.c', status: 401 },
    { name: 'an unknown path', path: '/nowhere', token: good, status: 404 },
    ...ALGORITHMS.flatMap((alg) => casesWith(mint, alg)),
    { name: 'another identity', token: good, headers: { 'x-auth-subject': 'root' }, status: 200 },
    { name: 'the end', token: good, status: 200 },
    { name: 'no token again', status: 401 },
  ]
}

function casesWith(mint: Mint, alg: Algorithm): readonly Case[] {
  const [head, claims, signature = ''] = mint.token(alg).split('.')
  const bytes = Buffer.from(signature, 'base64url')
  bytes[10] = (bytes[10] ?? 0) ^ 1
  const forged = `${head}.${claims}.${bytes.toString('base64url')}`
  const other = { role: 'users:read', roles: ['users:read'] }
  return [
    { name: `${alg}, good`, token: mint.token(alg), status: 200 },
    { name: `${alg}, forged`, token: forged, status: 401 },
    { name: `${alg}, expired`, token: mint.token(alg, { exp: 1_600_000_000 }), status: 401 },
    {
      name: `${alg}, of another issuer`,
      token: mint.token(alg, { iss: 'https://x' }),
      status: 401,
    },
    { name: `${alg}, for another audience`, token: mint.token(alg, { aud: 'x' }), status: 401 },
    { name: `${alg}, of nobody`, token: mint.token(alg, { sub: undefined }), status: 401 },
    { name: `${alg}, of another role`, token: mint.token(alg, other), status: 403 },
  ]
}

function askOnce(agent: Agent, port: number, one: Case): Promise<Answer> {
  const headers = {
    ...(one.token === undefined ? {} : { authorization: `Bearer ${one.token}` }),
    ...one.headers,
  }
  return new Promise((resolve, reject) => {
    const path = one.path ?? '/orders/1'
    const sent = request({ host: 'localhost', port, path, agent, headers }, (response) => {
      let bytes = 0
      const tls = (response.socket as unknown as { getProtocol(): string }).getProtocol()
      response.on('data', (chunk: Buffer) => (bytes += chunk.length))
      response.once('error', reject).once('end', () => {
        const subject = response.headers['x-subject'] as string | undefined
        resolve({ status: response.statusCode ?? 0, bytes, subject, tls })
      })
    })
    sent.once('error', reject).end()
  })
}
