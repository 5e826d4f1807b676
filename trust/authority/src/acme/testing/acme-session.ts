import { createHmac, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { readPem } from '@countersign/ground/x509'
import acme from 'acme-client'
import { request } from 'node:https'
import { importAccountKey } from '../jws/account-key.ts'
import type { AcmeHost } from './acme-host.ts'

/* A client that can also do everything wrong: what it signs and sends is up to the test. */

export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
  /** The body as JSON; empty where it is none. */
  readonly body: Record<string, any>
}
export interface JwsParts {
  readonly protected: Record<string, unknown>
  readonly payload: string
}

export function send(
  host: Pick<AcmeHost, 'bundle'>,
  wanted: { method: string; url: string; body?: string; type?: string },
): Promise<Answer> {
  const { method, url, body, type = 'application/jose+json' } = wanted
  return new Promise((resolve, reject) => {
    const outgoing = request(url, { method, ca: host.bundle, agent: false })
    if (body !== undefined) outgoing.setHeader('content-type', type)
    outgoing.once('error', reject).once('response', async (response) => {
      const text = Buffer.concat(await response.toArray()).toString()
      const isJson = /json/.test(response.headers['content-type'] ?? '')
      const { statusCode: status = 0, headers } = response
      resolve({ status, headers, text, body: isJson ? JSON.parse(text) : {} })
    })
    outgoing.end(body)
  })
}

export class AcmeSession {
  readonly host: AcmeHost
  key: KeyObject
  kid: string | undefined
  /** Of the challenges that it has seen. */
  readonly tokens = new Set<string>()

  constructor(host: AcmeHost, key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey) {
    this.host = host
    this.key = key
  }

  url(path: string): string {
    return path.startsWith('https:') ? path : `${this.host.baseUrl}/acme/${path}`
  }
  get jwk(): Record<string, unknown> {
    return createPublicKey(this.key).export({ format: 'jwk' }) as Record<string, unknown>
  }

  async nonce(): Promise<string> {
    const { headers } = await send(this.host, { method: 'HEAD', url: this.url('new-nonce') })
    return String(headers['replay-nonce'])
  }

  /** What a client signs when it does nothing wrong. */
  async parts(path: string, payload?: object): Promise<JwsParts> {
    const by = this.kid === undefined ? { jwk: this.jwk } : { kid: this.kid }
    return {
      protected: {
        alg: algorithmOf(this.key),
        nonce: await this.nonce(),
        url: this.url(path),
        ...by,
      },
      payload: payload === undefined ? '' : encode(payload),
    }
  }

  /** Signs and sends, changed by `change`; with a fresh nonce when the one before was refused. */
  async post(
    path: string,
    payload?: object,
    change: (parts: JwsParts) => JwsParts = (parts) => parts,
  ): Promise<Answer> {
    for (let left = 5; ; left--) {
      const parts = change(await this.parts(path, payload))
      const answer = await this.postJws(path, signJws(parts, this.key))
      for (const { token } of answer.body.challenges ?? []) this.tokens.add(token)
      const again = change.length === 0 && answer.body.type?.endsWith('badNonce')
      if (!again || left === 0) return answer
    }
  }
  postJws(path: string, jws: object): Promise<Answer> {
    return send(this.host, { method: 'POST', url: this.url(path), body: JSON.stringify(jws) })
  }

  /** Makes the account of this session. */
  async register(names?: readonly string[], more: object = {}): Promise<Answer> {
    const { keyId, macKey } = await this.host.createKey(names)
    const externalAccountBinding = this.binding(keyId, macKey)
    const answer = await this.post('new-account', { externalAccountBinding, ...more })
    if (answer.status === 201) this.kid = String(answer.headers.location)
    return answer
  }

  binding(keyId: string, macKey: string, change: object = {}, jwk: object = this.jwk): object {
    const header = { alg: 'HS256', kid: keyId, url: this.url('new-account'), ...change }
    const [head, payload] = [encode(header), encode(jwk)]
    const mac = createHmac('sha256', Buffer.from(macKey, 'base64url')).update(`${head}.${payload}`)
    return { protected: head, payload, signature: mac.digest('base64url') }
  }

  get thumbprint(): string {
    return importAccountKey(this.jwk).thumbprint
  }

  order(...names: string[]): Promise<Answer> {
    return this.post('new-order', { identifiers: names.map((value) => ({ type: 'dns', value })) })
  }
}

/** Asks for a resource until it says something else than `pending` and `processing`. */
export async function settled(session: AcmeSession, url: string): Promise<Answer> {
  let answer = await session.post(url)
  const end = Date.now() + 15_000
  while (/^(pending|processing)$/.test(answer.body.status) && Date.now() < end) {
    await sleep(20)
    answer = await session.post(url)
  }
  return answer
}

/** Takes up the challenge of one kind in each authorization of an order; answers them as they are then. */
export async function prove(
  session: AcmeSession,
  order: Answer,
  type = 'http-01',
): Promise<Answer[]> {
  const answers: Answer[] = []
  for (const url of order.body.authorizations) {
    const authorization = await session.post(url)
    const challenges: { type: string; url: string }[] = authorization.body.challenges
    const challenge = challenges.find((each) => each.type === type)
    if (challenge !== undefined && authorization.body.status === 'pending')
      await session.post(challenge.url, {})
    answers.push(await settled(session, url))
  }
  return answers
}

export interface Obtained {
  readonly order: Answer
  /** DER, base64url. */
  readonly certificate: string
  readonly chain: string
  readonly key: KeyObject
}

/** A certificate for these names, by http-01. */
export async function obtain(session: AcmeSession, ...names: string[]): Promise<Obtained> {
  const order = await session.order(...names)
  await prove(session, order)
  const { csr, key } = await csrFor(names)
  const done = await session.post(order.body.finalize, { csr })
  const { text: chain } = await session.post(done.body.certificate)
  const [leaf = Buffer.alloc(0)] = readPem(chain, 'CERTIFICATE')
  return { order: done, certificate: leaf.toString('base64url'), chain, key }
}

/** A request, DER in base64url, and its key. */
export async function csrFor(
  names: string[],
  key?: KeyObject,
): Promise<{ csr: string; key: KeyObject }> {
  const own = key ?? generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
  const pem = own.export({ format: 'pem', type: 'pkcs8' })
  const [, csr] = await acme.crypto.createCsr({ altNames: names }, pem)
  const [der = Buffer.alloc(0)] = readPem(csr.toString().trimEnd(), 'CERTIFICATE REQUEST')
  return { csr: der.toString('base64url'), key: own }
}

/** Answers every http-01 challenge of these sessions, at the port that the server asks. */
export async function answerAll(
  host: AcmeHost,
  sessions: readonly AcmeSession[],
): Promise<{ close(): void; readonly paths: string[] }> {
  const paths: string[] = []
  const server = createServer((incoming, response) => {
    paths.push(incoming.url ?? '')
    const token = incoming.url?.split('/').at(-1) ?? ''
    // Whose token it is cannot be seen from it.
    const session = sessions.find((each) => each.tokens.has(token)) ?? sessions[0]
    response.end(`${token}.${session?.thumbprint}`)
  })
  server.listen(host.httpPort, '127.0.0.1')
  await once(server, 'listening')
  return { paths, close: () => void server.close() }
}

export function signJws({ protected: header, payload }: JwsParts, key: KeyObject): object {
  const head = encode(header)
  const input = Buffer.from(`${head}.${payload}`)
  const hash = algorithmOf(key) === 'ES384' ? 'sha384' : 'sha256'
  const signature =
    key.asymmetricKeyType === 'rsa'
      ? sign(hash, input, key)
      : sign(hash, input, { key, dsaEncoding: 'ieee-p1363' })
  return { protected: head, payload, signature: signature.toString('base64url') }
}

function algorithmOf(key: KeyObject): string {
  if (key.asymmetricKeyType === 'rsa') return 'RS256'
  return key.asymmetricKeyDetails?.namedCurve === 'secp384r1' ? 'ES384' : 'ES256'
}

export function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}
