import { spawnSync } from 'node:child_process'
import { createHash, randomBytes, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { connect } from 'node:tls'
import { type Browser, chromium } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { enginesAreRequired } from './config/env.ts'
import { sharedPlatform } from './support/shared.ts'

/* A person logs in with a real browser: authorization code with PKCE, a native client on the loopback (RFC 8252). */
const CHROMIUM = '/usr/bin/chromium'
const installed = spawnSync(CHROMIUM, ['--version']).status === 0
const platform = sharedPlatform()
const verifier = randomBytes(32).toString('base64url')
const people = JSON.parse(readFileSync(join(platform.home, 'credentials.json'), 'utf8'))
let browser: Browser
let client: Server
let redirect = ''
let arrived: URL | undefined

beforeAll(async () => {
  if (!installed) return
  client = createServer((request, response) => {
    const url = new URL(request.url ?? '/', redirect)
    if (url.pathname === '/callback') arrived = url
    response.end('logged in')
  }).listen(0, '127.0.0.1')
  await new Promise((done) => client.once('listening', done))
  redirect = `http://127.0.0.1:${(client.address() as AddressInfo).port}/callback`
  const keys = await keysOfTheDoor()
  browser = await chromium.launch({
    executablePath: CHROMIUM,
    // Trusts the keys of this platform's authorities, and no other that the system does not trust.
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-background-networking',
      `--ignore-certificate-errors-spki-list=${keys.join(',')}`,
    ],
  })
})
afterAll(async () => {
  platform.door.close()
  await browser?.close()
  client?.close()
})

describe('the login page in a browser', () => {
  test('turns a wrong password away, and sends the right one back to the client with a code', async (context) => {
    if (!installed && !enginesAreRequired()) return context.skip('chromium is not installed')
    const page = await browser.newPage()
    const complaints: string[] = []
    page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()))
    await page.goto(authorizeUrl())
    await page.fill('[name=username]', 'customer')
    await page.fill('[name=password]', 'not the password')
    await page.click('[type=submit]')
    await page.waitForSelector('[name=password]')
    expect(arrived).toBeUndefined()
    await page.fill('[name=username]', 'customer')
    await page.fill('[name=password]', passwordOf('customer'))
    await page.click('[type=submit]')
    await page.waitForURL((url) => url.pathname === '/callback')
    expect(arrived?.searchParams.get('state')).toBe('a-state')
    expect(arrived?.searchParams.get('iss')).toBe(`https://localhost:${platform.publicPort}/auth`)
    // A wrong password is answered with a status of its own, which the browser notes; a blocked script or form would be one more.
    expect(complaints.filter((text) => !text.includes('status of 4'))).toEqual([])
    const token = await exchange(arrived?.searchParams.get('code') ?? '')
    const me = await platform.ask({ path: '/users/me', token })
    expect(me.json).toMatchObject({ username: 'customer' })
  })
})

function authorizeUrl(): string {
  const query = new URLSearchParams({
    client_id: 'countersign-cli',
    response_type: 'code',
    scope: 'openid',
    redirect_uri: redirect,
    state: 'a-state',
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
  })
  return `https://localhost:${platform.publicPort}/auth/authorize?${query}`
}

async function exchange(code: string): Promise<string> {
  const form = new URLSearchParams({
    grant_type: 'authorization_code',
    client_id: 'countersign-cli',
    code,
    redirect_uri: redirect,
    code_verifier: verifier,
  })
  const answer = await platform.ask({
    path: '/auth/token',
    raw: form.toString(),
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
  })
  expect(answer.status, answer.text).toBe(200)
  return answer.json.access_token
}

function passwordOf(name: string): string {
  const person = Object.values<any>(people.people ?? people).find((each) => each.username === name)
  return person.password
}

/** Both gateways have keys of their own; what is trusted are the authorities above them. */
async function keysOfTheDoor(): Promise<string[]> {
  const keys = new Set<string>()
  for (let i = 0; i < 8; i++) {
    const raw = await new Promise<Buffer>((done, fail) => {
      const socket = connect(
        {
          port: platform.publicPort,
          host: 'localhost',
          servername: 'localhost',
          ca: platform.door.ca,
        },
        () => {
          done(socket.getPeerCertificate(true).issuerCertificate.raw)
          socket.destroy()
        },
      ).once('error', fail)
    })
    const key = new X509Certificate(raw).publicKey.export({ type: 'spki', format: 'der' })
    keys.add(createHash('sha256').update(key).digest('base64'))
  }
  return [...keys]
}
